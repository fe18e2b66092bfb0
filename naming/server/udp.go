package server

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"syscall"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// receiveBytes is the kernel's buffer of each socket: a burst of questions waits
// there and not in this program.
const receiveBytes = 1 << 20

// openUDP opens sockets that share one port: the kernel spreads clients over
// them.
func openUDP(at string, n int) (all []*net.UDPConn, err error) {
	if n <= 0 {
		n = max(1, runtime.NumCPU()/2)
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) {
			failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		})
		return errors.Join(err, failed)
	}}
	for range n {
		c, err := lc.ListenPacket(context.Background(), "udp", at)
		if err != nil {
			return all, err
		}
		u := c.(*net.UDPConn)
		// Less than asked for is no failure: the system bounds it.
		_ = u.SetReadBuffer(receiveBytes)
		all = append(all, u)
	}
	return all, nil
}

// serveUDP answers what is known at once, and has the rest looked up.
func (s *Server) serveUDP(c *net.UDPConn) error {
	in, out := make([]byte, queryBytesMax+1), make([]byte, udpBytesMax)
	var q query
	for {
		n, from, err := c.ReadFromUDPAddrPort(in)
		if err != nil {
			if s.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			continue // an ICMP error of an earlier answer
		}
		if n < headerBytes || n > queryBytesMax || in[2]&0x80 != 0 {
			continue
		}
		if !from.Addr().IsLoopback() && !s.admit(c, in[:n], from) {
			continue
		}
		if q.scan(in[:n]) {
			if m := s.quick(&q, in[:n], out); m > 0 {
				_, _ = c.WriteToUDPAddrPort(out[:m], from) // a client that has gone is its own trouble
				continue
			}
		}
		s.slowUDP(c, in[:n], from)
	}
}

// quick writes an answer that is kept into out and returns its length, 0 if
// there is none that fits.
func (s *Server) quick(q *query, question, out []byte) int {
	k := s.cache.get(q.key[:q.n])
	if k == nil || len(k.wire) > q.size {
		return 0
	}
	now := s.config.Now().UnixNano()
	if now >= k.until {
		return 0
	}
	if now >= k.refresh {
		s.again(question, k)
	}
	return k.fill(out, question, q.end, now)
}

// admit holds a source to its limit. Above it a source that has shown that its
// address is its own goes on; others are told to use TCP now and then, and not
// answered otherwise, so that nobody can aim our answers at them.
func (s *Server) admit(c *net.UDPConn, question []byte, from netip.AddrPort) bool {
	if s.hits.Take(source(from.Addr())) || s.cookies.good(question, from.Addr()) {
		return true
	}
	if question[1]&1 == 0 { // one in two, by the client's own number
		r := refuse(question, dns.RcodeSuccess)
		r[2] |= 0x02
		_, _ = c.WriteToUDPAddrPort(r, from)
	}
	return false
}

// slowUDP has a question looked up.
func (s *Server) slowUDP(c *net.UDPConn, question []byte, from netip.AddrPort) {
	if !s.misses.Take(source(from.Addr())) {
		return
	}
	b := append([]byte(nil), question...)
	s.later(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, questionMax)
		defer cancel()
		if r := s.respond(ctx, b, from.Addr(), overUDP); r != nil {
			_, _ = c.WriteToUDPAddrPort(r, from)
		}
	})
}
