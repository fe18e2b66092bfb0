package p2p

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

func TestPipeCarriesBothWaysAndHalfCloses(t *testing.T) {
	a, b := newPipe()
	sent := bytes.Repeat([]byte("0123456789"), pipeBytesMax/5) // twice what it holds
	go func() {
		a.Write(sent)
		a.CloseWrite()
	}()
	got, err := io.ReadAll(b)
	if err != nil || !bytes.Equal(got, sent) {
		t.Fatalf("read %d bytes, %v", len(got), err)
	}
	if _, err := b.Write([]byte("reply")); err != nil {
		t.Fatal(err)
	}
	b.Close()
	if got, err := io.ReadAll(a); err != nil || string(got) != "reply" {
		t.Errorf("read %q, %v", got, err)
	}
	if _, err := a.Write([]byte("x")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("write after the end: %v", err)
	}
}

func TestPipeResetReachesBothEnds(t *testing.T) {
	a, b := newPipe()
	a.Write([]byte("lost"))
	a.Reset()
	if _, err := b.Read(make([]byte, 9)); !errors.Is(err, network.ErrReset) {
		t.Errorf("read: %v", err)
	}
	if _, err := b.Write([]byte("x")); !errors.Is(err, network.ErrReset) {
		t.Errorf("write: %v", err)
	}
}

func TestPipeDeadlineIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newPipe()
		begin := time.Now()
		a.SetDeadline(begin.Add(3 * time.Second))
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		if d := time.Since(begin); d != 3*time.Second {
			t.Errorf("read ended after %v", d)
		}
		b.SetDeadline(begin.Add(4 * time.Second))
		n, err := b.Write(make([]byte, 2*pipeBytesMax))
		if n != pipeBytesMax || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write of twice the buffer: %d bytes, %v", n, err)
		}
		a.SetDeadline(time.Time{})
		if n, err := io.ReadFull(a, make([]byte, pipeBytesMax)); err != nil {
			t.Errorf("read after the deadline was lifted: %d, %v", n, err)
		}
	})
}
