package p2p

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/atollnet/atoll/internal/wire"
)

func TestAdmissionCountsWhatIsOpen(t *testing.T) {
	var refused atomic.Uint64
	a := newAdmission(Limits{OpenPerPeer: 2, OpenTotal: 3}, &refused, time.Now)
	steps := []struct {
		peer    peer.ID
		release bool
		want    bool
	}{
		{"a", false, true}, {"a", false, true}, {"a", false, false},
		{"b", false, true}, {"b", false, false},
		{"a", true, false}, {"b", false, true},
	}
	for i, s := range steps {
		if s.release {
			a.release(s.peer)
			continue
		}
		if got := a.admit(s.peer, "g"); got != s.want {
			t.Errorf("step %d: admit(%s) = %v", i, s.peer, got)
		}
	}
	if refused.Load() != 2 {
		t.Errorf("refused %d, want 2", refused.Load())
	}
}

func TestAdmissionByGroup(t *testing.T) {
	var refused atomic.Uint64
	a := newAdmission(Limits{PerGroup: Rate{PerSecond: 1, Burst: 3}}, &refused, time.Now)
	for i := range 5 {
		if got := a.admit(peer.ID(rune('a'+i)), "g"); got != (i < 3) {
			t.Errorf("peer %d of the group: %v", i, got)
		}
	}
	if !a.admit("z", "other") {
		t.Error("another group pays for it")
	}
}

func TestStreamsOverTheLimitAreRefused(t *testing.T) {
	a, b, c := start(t, listen(1)), start(t, listen(2)), start(t, listen(3))
	b.Handle(echo, Limits{PerPeer: Rate{PerSecond: 0.001, Burst: 5}}, serveEcho)
	connect(t, a, b)
	connect(t, c, b)
	for i := range 8 {
		_, err := ask(t.Context(), a, b.Self(), []byte("x"))
		if i < 5 && err != nil {
			t.Errorf("stream %d: %v", i, err)
		}
		if i >= 5 && err == nil {
			t.Errorf("stream %d was served over the limit", i)
		}
	}
	if b.Refused() != 3 {
		t.Errorf("refused %d, want 3", b.Refused())
	}
	if _, err := ask(t.Context(), c, b.Self(), []byte("x")); err != nil {
		t.Errorf("another peer pays for it: %v", err)
	}
}

func TestReaderLearnsThatItWasRefused(t *testing.T) {
	a, b := start(t, listen(1)), start(t, listen(2))
	started := make(chan bool, 1)
	b.Handle(echo, Limits{OpenTotal: 1}, func(ctx context.Context, _ wire.PeerID, _ *Stream) {
		started <- true
		<-ctx.Done()
	})
	connect(t, a, b)
	first, err := a.Open(t.Context(), b.Self(), echo)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	<-started
	if _, err := ask(t.Context(), a, b.Self(), []byte("x")); !errors.Is(err, ErrRefused) {
		t.Errorf("the second stream: %v, want ErrRefused", err)
	}
}
