package p2p

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/atollnet/atoll/internal/wire"
)

const echo = "/atoll/test-echo/1"

// listen returns the configuration of test peer n, in an address group of its
// own.
func listen(n byte) Config {
	return Config{Key: wire.NewKey([32]byte{n}), Listen: []string{fmt.Sprintf("/ip4/127.%d.0.1/tcp/0", n)}}
}

func start(t *testing.T, c Config) *Host {
	t.Helper()
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// serveEcho sends back what it reads until its end.
func serveEcho(_ context.Context, _ wire.PeerID, s *Stream) {
	io.Copy(s, s)
}

func connect(t *testing.T, from, to *Host) {
	t.Helper()
	if p, err := from.Connect(t.Context(), to.Addresses()[0]); err != nil || p != to.Self() {
		t.Fatalf("Connect = %v, %v", p, err)
	}
}

// ask sends b and returns what comes back.
func ask(ctx context.Context, h *Host, to wire.PeerID, b []byte) ([]byte, error) {
	s, err := h.Open(ctx, to, echo)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	s.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := s.Write(b); err != nil {
		return nil, err
	}
	if err := s.CloseWrite(); err != nil {
		return nil, err
	}
	return io.ReadAll(s)
}

func TestStreamsReachOtherPeersAndOneself(t *testing.T) {
	a, b := start(t, listen(1)), start(t, listen(2))
	var remote atomic.Value
	b.Handle(echo, Limits{}, func(ctx context.Context, p wire.PeerID, s *Stream) {
		remote.Store(p)
		serveEcho(ctx, p, s)
	})
	connect(t, a, b)
	for name, h := range map[string]*Host{"other": a, "self": b} {
		sent := bytes.Repeat([]byte(name), 1000)
		got, err := ask(t.Context(), h, b.Self(), sent)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%s: %d bytes came back, %v", name, len(got), err)
		}
		if remote.Load() != h.Self() {
			t.Errorf("%s: the handler saw %v", name, remote.Load())
		}
	}
	if _, err := b.Open(t.Context(), b.Self(), "/atoll/none/1"); !errors.Is(err, ErrProtocol) {
		t.Errorf("unknown protocol to oneself: %v", err)
	}
	if _, err := a.Open(t.Context(), b.Self(), "/atoll/none/1"); err == nil {
		t.Error("unknown protocol to another peer was opened")
	}
}

func TestCloseEndsHandlersAndWaits(t *testing.T) {
	a, b := start(t, listen(1)), start(t, listen(2))
	started, ended := make(chan bool), atomic.Int32{}
	b.Handle(echo, Limits{}, func(_ context.Context, _ wire.PeerID, s *Stream) {
		started <- true
		io.Copy(io.Discard, s)
		ended.Add(1)
	})
	connect(t, a, b)
	for _, h := range []*Host{a, b} {
		s, err := h.Open(t.Context(), b.Self(), echo)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		<-started
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if ended.Load() != 2 {
		t.Errorf("%d of 2 handlers had ended when Close returned", ended.Load())
	}
	if _, err := b.Open(t.Context(), b.Self(), echo); !errors.Is(err, ErrClosed) {
		t.Errorf("open after Close: %v", err)
	}
}

func TestDeadPeerFailsFastAndIsReachableAfterRestart(t *testing.T) {
	a, b := start(t, listen(1)), start(t, listen(2))
	b.Handle(echo, Limits{}, serveEcho)
	connect(t, a, b)
	address := b.Addresses()[0]
	b.Close()
	for range 5 {
		begin := time.Now()
		if _, err := ask(t.Context(), a, b.Self(), []byte("x")); err == nil {
			t.Fatal("a closed peer answered")
		}
		if d := time.Since(begin); d > 4*time.Second {
			t.Errorf("a dead peer took %v to fail", d)
		}
	}
	c := listen(2)
	c.Listen = []string{address[:len(address)-len("/p2p/"+b.Self().String())]}
	b = start(t, c)
	b.Handle(echo, Limits{}, serveEcho)
	begin := time.Now()
	a.Learn(b.Self(), b.Libp2p().Addrs())
	if _, err := ask(t.Context(), a, b.Self(), []byte("x")); err != nil {
		t.Errorf("a restarted peer is not reachable: %v", err)
	}
	if d := time.Since(begin); d > 4*time.Second {
		t.Errorf("a restarted peer took %v to reach", d)
	}
}

func TestPeersWithOtherKeysAreRefused(t *testing.T) {
	a := start(t, listen(1))
	priv, _, err := crypto.GenerateKeyPair(crypto.Secp256k1, 0)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := libp2p.New(libp2p.Identity(priv), libp2p.ListenAddrStrings("/ip4/127.9.0.1/tcp/0"), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	info := peer.AddrInfo{ID: stranger.ID(), Addrs: stranger.Addrs()}
	if err := a.Libp2p().Connect(t.Context(), info); err == nil {
		t.Error("connected to a peer with another kind of key")
	}
	if _, err := a.Connect(t.Context(), info.Addrs[0].String()+"/p2p/"+info.ID.String()); !errors.Is(err, ErrInvite) {
		t.Errorf("its address was taken: %v", err)
	}
	a.Handle(echo, Limits{}, serveEcho)
	stranger.Peerstore().AddAddrs(ToLibp2p(a.Self()), a.Libp2p().Addrs(), time.Minute)
	if _, err := stranger.NewStream(t.Context(), ToLibp2p(a.Self()), echo); err == nil {
		t.Error("a peer with another kind of key was served")
	}
}

func TestBookFindsTheNetworkAgain(t *testing.T) {
	a, path := start(t, listen(1)), filepath.Join(t.TempDir(), "peers.json")
	a.Handle(echo, Limits{}, serveEcho)
	c := listen(2)
	c.Book = path
	b := start(t, c)
	connect(t, b, a)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = start(t, c)
	if got := b.Remembered(); len(got) != 1 || got[0] != a.Self() {
		t.Fatalf("Remembered() = %v", got)
	}
	if got, err := ask(t.Context(), b, a.Self(), []byte("again")); err != nil || string(got) != "again" {
		t.Errorf("the remembered peer answers %q, %v", got, err)
	}
}

func TestConfigRefusesWhatDoesNotParse(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"listen":    func(c *Config) { c.Listen = []string{"127.0.0.1:80"} },
		"announce":  func(c *Config) { c.Announce = []string{"example.test"} },
		"not ours":  func(c *Config) { c.Listen = []string{"/ip4/192.0.2.1/tcp/1"} },
		"book path": func(c *Config) { c.Book = string([]byte{'/', 0}) },
	} {
		c := listen(1)
		change(&c)
		if h, err := New(c); err == nil {
			h.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestAHostIsCutOffAndPutBack(t *testing.T) {
	a, b := start(t, listen(1)), start(t, listen(2))
	b.Handle(echo, Limits{}, serveEcho)
	connect(t, a, b)
	for _, cut := range []*Host{a, b} {
		cut.CutOff(true)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		if got, err := ask(ctx, a, b.Self(), []byte("x")); err == nil {
			t.Errorf("while one is cut off: %q", got)
		}
		cancel()
		cut.CutOff(false)
		// A peer that could not be reached is dialled again at most once a second.
		tick := time.NewTicker(50 * time.Millisecond)
		for late := time.After(10 * time.Second); ; <-tick.C {
			_, err := a.Connect(t.Context(), b.Addresses()[0])
			if err == nil {
				break
			}
			select {
			case <-late:
				t.Fatalf("put back: %v", err)
			default:
			}
		}
		tick.Stop()
		if got, err := ask(t.Context(), a, b.Self(), []byte("x")); err != nil || string(got) != "x" {
			t.Errorf("put back: %q, %v", got, err)
		}
	}
}
