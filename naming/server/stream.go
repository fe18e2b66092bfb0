package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Limits of connections.
const (
	connsMax          = 512
	connsPerSourceMax = 64
	// idleMax is how long a connection may stay silent, and pipelineMax how
	// many of its questions are answered at one time (RFC 7766).
	idleMax     = 10 * time.Second
	pipelineMax = 32
	streamMax   = 65535
)

// conns counts open connections by source.
type conns struct {
	mu    sync.Mutex
	open  map[netip.Prefix]int
	total int
}

func (c *conns) take(p netip.Prefix) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.total >= connsMax || c.open[p] >= connsPerSourceMax {
		return false
	}
	if c.open == nil {
		c.open = map[netip.Prefix]int{}
	}
	c.open[p]++
	c.total++
	return true
}

func (c *conns) give(p netip.Prefix) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.total--
	if c.open[p]--; c.open[p] == 0 {
		delete(c.open, p)
	}
}

// serveStreams answers over TCP or TLS.
func (s *Server) serveStreams(l net.Listener) error {
	var open conns
	for {
		c, err := l.Accept()
		if err != nil {
			if s.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			if !pause(s.ctx) { // out of descriptors, most likely
				return nil
			}
			continue
		}
		from := addrOf(c.RemoteAddr())
		if !open.take(source(from)) {
			c.Close()
			continue
		}
		if !s.begin(func() {
			defer open.give(source(from))
			s.serveConn(c, from)
		}) {
			c.Close()
		}
	}
}

func pause(ctx context.Context) bool {
	select {
	case <-time.After(50 * time.Millisecond):
		return true
	case <-ctx.Done():
		return false
	}
}

func addrOf(a net.Addr) netip.Addr {
	if t, ok := a.(*net.TCPAddr); ok {
		return t.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// serveConn answers the questions of one connection, several at a time.
func (s *Server) serveConn(c net.Conn, from netip.Addr) {
	defer c.Close()
	defer context.AfterFunc(s.ctx, func() { c.Close() })()
	var writing sync.Mutex
	var answering sync.WaitGroup
	defer answering.Wait()
	places := make(chan struct{}, pipelineMax)
	r := bufio.NewReaderSize(c, queryBytesMax)
	for {
		if err := c.SetReadDeadline(time.Now().Add(idleMax)); err != nil {
			return
		}
		b, err := readMessage(r)
		if err != nil {
			return
		}
		if !from.IsLoopback() && !s.hits.Take(source(from)) || !s.misses.Take(source(from)) {
			return
		}
		places <- struct{}{}
		answering.Go(func() {
			defer func() { <-places }()
			ctx, cancel := context.WithTimeout(s.ctx, questionMax)
			defer cancel()
			answer := s.respond(ctx, b, from, overStream)
			writing.Lock()
			defer writing.Unlock()
			if err := writeMessage(c, answer); err != nil {
				c.Close()
			}
		})
	}
}

func readMessage(r io.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(length[:]))
	if n < headerBytes || n > queryBytesMax {
		return nil, io.ErrUnexpectedEOF
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}

func writeMessage(c net.Conn, b []byte) error {
	if len(b) == 0 || len(b) > streamMax {
		return io.ErrShortWrite
	}
	if err := c.SetWriteDeadline(time.Now().Add(idleMax)); err != nil {
		return err
	}
	_, err := c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(b))), b...))
	return err
}

func (s *Server) streamTLS(protocols ...string) *tls.Config {
	t := s.config.TLS.Clone()
	t.NextProtos = protocols
	return t
}
