package faults

import (
	"io"
	"net"
	"path/filepath"
	"sync"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
)

// readerKilled kills the peer that gets when a part of the file has come. A
// relay before its socket holds the rest back, so that it is always a part.
func readerKilled(t *testing.T, c *cluster) {
	const writer, reader, part = 0, 7, 3 << 20
	content := random(7, extentBytes)
	ref := c.user(writer).put(t, content, "home:/broken-off").Reference
	dir := t.TempDir()
	r := relayTo(t, c.API(reader), part)
	get := user{c.programs.Peerctl, r.socket}.start(t, "get", ref, filepath.Join(dir, "got"))
	select {
	case <-r.given:
	case <-t.Context().Done():
	}
	c.kill(t, reader)
	close(r.goOn)
	get.end(t).want(t, errs.NoDaemon.ExitCode())
	empty(t, dir)
	c.start(t, reader)
	c.user(reader).reads(t, ref, content)
}

// relay passes connections on to a socket, and holds back what comes from there
// beyond a number of bytes.
type relay struct {
	socket, to string
	part       int64
	given      chan struct{} // closed when a connection has given its part
	goOn       chan struct{} // closed when the rest may come
	once       sync.Once
}

// relayTo starts a relay that ends with the test.
func relayTo(t *testing.T, socket string, part int64) *relay {
	t.Helper()
	r := &relay{
		socket: filepath.Join(filepath.Dir(socket), "relay.sock"), to: socket, part: part,
		given: make(chan struct{}), goOn: make(chan struct{}),
	}
	l, err := net.Listen("unix", r.socket)
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { r.pass(near) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		serving.Wait()
	})
	return r
}

// pass serves one connection until the far end closes it.
func (r *relay) pass(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("unix", r.to)
	if err != nil {
		return
	}
	defer far.Close()
	var asking sync.WaitGroup
	defer asking.Wait()
	asking.Go(func() { io.Copy(far, near) })
	defer near.Close()
	if n, _ := io.CopyN(near, far, r.part); n == r.part {
		r.once.Do(func() { close(r.given) })
		<-r.goOn
	}
	io.Copy(near, far)
}
