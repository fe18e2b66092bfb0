package faults

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
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
	got := filepath.Join(dir, "got")
	if _, err := os.Stat(got); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a part of the file stands under its name: %v", err)
	}
	c.start(t, reader)
	c.user(reader).must(t, "get", ref, got) // goes on with what came
	if b, err := os.ReadFile(got); err != nil || !bytes.Equal(b, content) {
		t.Errorf("%d bytes came that are not the %d that were stored, %v", len(b), len(content), err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
		t.Errorf("%v is left beside the file, %v", left, err)
	}
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
