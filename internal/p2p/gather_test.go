package p2p

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/sec"

	"github.com/atollnet/atoll/internal/wire"
)

// counted counts the writes that reach the network.
type counted struct {
	net.Conn
	writes atomic.Int64
	fail   error
}

func (c *counted) Write(p []byte) (int, error) {
	if c.fail != nil {
		return 0, c.fail
	}
	c.writes.Add(1)
	return c.Conn.Write(p)
}

// records is what TLS is to a gatherer: it makes a record of each 10 bytes.
type records struct {
	sec.SecureConn
	below net.Conn
}

func (r records) Write(p []byte) (int, error) {
	for i := 0; i < len(p); i += recordBytes {
		if _, err := r.below.Write(p[i:min(i+recordBytes, len(p))]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

func (r records) Close() error { return r.below.Close() }

const recordBytes = 16 << 10

func gathering(t *testing.T) (*gatheringConn, *counted, <-chan []byte) {
	t.Helper()
	near, far := net.Pipe()
	c := &counted{Conn: near}
	conn, err := gatherUnder(c, func(below net.Conn) (sec.SecureConn, error) { return records{below: below}, nil })
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan []byte, 1)
	go func() {
		all, _ := io.ReadAll(far)
		got <- all
	}()
	return conn.(*gatheringConn), c, got
}

func TestOneWriteIsOneSystemCall(t *testing.T) {
	for _, c := range []struct {
		bytes  int
		writes int64
	}{{1, 1}, {gatherFrom, 1}, {recordBytes + 1, 1}, {64 << 10, 1}, {130 << 10, 2}, {200 << 10, 4}} {
		conn, raw, got := gathering(t)
		sent := bytes.Repeat([]byte("0123456789abcdef"), c.bytes/16+1)[:c.bytes]
		if n, err := conn.Write(sent); n != c.bytes || err != nil {
			t.Fatalf("%d bytes: %d, %v", c.bytes, n, err)
		}
		conn.Close()
		if all := <-got; !bytes.Equal(all, sent) {
			t.Errorf("%d bytes: others came", c.bytes)
		}
		if raw.writes.Load() != c.writes {
			t.Errorf("%d bytes took %d writes, want %d", c.bytes, raw.writes.Load(), c.writes)
		}
	}
}

// What TLS writes of its own accord keeps its place and is not held back.
func TestWhatIsBelowKeepsItsOrder(t *testing.T) {
	conn, _, got := gathering(t)
	conn.below.Write([]byte("a"))
	conn.below.begin()
	conn.below.Write([]byte("b"))
	conn.below.begin()
	conn.below.Write([]byte("c"))
	conn.below.end()
	conn.below.Write([]byte("d"))
	conn.below.end()
	conn.below.Write([]byte("e"))
	conn.Close()
	if all := <-got; string(all) != "abcde" {
		t.Errorf("%q came", all)
	}
}

func TestFailedWriteFailsAllThatFollow(t *testing.T) {
	conn, raw, _ := gathering(t)
	raw.fail = errors.New("cable cut")
	if n, err := conn.Write(make([]byte, 20<<10)); n != 0 || !errors.Is(err, raw.fail) {
		t.Errorf("Write = %d, %v", n, err)
	}
	failed := raw.fail
	raw.fail = nil
	if _, err := conn.Write(make([]byte, 20<<10)); !errors.Is(err, failed) {
		t.Errorf("a write after a failed one: %v", err)
	}
}

// A peer that takes nothing does not keep a connection from being closed.
func TestCloseEndsAWriteUnderWay(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	conn, err := gatherUnder(near, func(below net.Conn) (sec.SecureConn, error) { return records{below: below}, nil })
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := conn.Write(make([]byte, 20<<10))
		ended <- err
	}()
	if _, err := io.ReadFull(far, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	conn.Close()
	if err := <-ended; err == nil {
		t.Error("the write went well")
	}
}

// BenchmarkStream moves fragments of 32 KiB, as a put does, from one host to
// another over loopback and tells the CPU time of both for each GB.
func BenchmarkStream(b *testing.B) {
	from, to := begin(b, listen(1)), begin(b, listen(2))
	taken := make(chan struct{})
	to.Handle("/atoll/test-sink/1", Limits{}, func(_ context.Context, _ wire.PeerID, s *Stream) {
		io.Copy(io.Discard, s)
		close(taken)
	})
	if _, err := from.Connect(b.Context(), to.Addresses()[0]); err != nil {
		b.Fatal(err)
	}
	s, err := from.Open(b.Context(), to.Self(), "/atoll/test-sink/1")
	if err != nil {
		b.Fatal(err)
	}
	fragment := make([]byte, 32<<10+4)
	b.SetBytes(int64(len(fragment)))
	before := cpuTime(b)
	for b.Loop() {
		if _, err := s.Write(fragment); err != nil {
			b.Fatal(err)
		}
	}
	s.CloseWrite()
	<-taken
	b.ReportMetric((cpuTime(b)-before).Seconds()*1e9/float64(b.N*len(fragment)), "cpu-s/GB")
}

func begin(b *testing.B, c Config) *Host {
	h, err := New(c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { h.Close() })
	return h
}

// cpuTime returns what this process has taken so far.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
