package transfer

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollnet/atoll/internal/wire"
)

// leases takes n streams to a node at once.
func leases(t *testing.T, p *pool, peer wire.PeerID, n int) []*lease {
	t.Helper()
	var out []*lease
	for range n {
		l, err := p.get(t.Context(), peer, false)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, l)
	}
	return out
}

func TestPoolKeepsAFewStreamsForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		c := FetcherConfig{Network: w, StreamsPerPeerMax: 4, IdlePerPeerMax: 2, IdleMax: 5}
		c.defaults()
		p := newPool(c)
		for _, n := range w.nodes {
			for _, l := range leases(t, p, n.peer, 4) {
				l.keep()
			}
		}
		if p.idle != 5 {
			t.Errorf("%d streams are idle, want 5", p.idle)
		}
		opened := w.nodes[0].opens(ProtocolGet)
		for _, l := range leases(t, p, w.nodes[0].peer, 2) {
			if !l.reused {
				t.Error("an idle stream was not used")
			}
			l.keep()
		}
		if got := w.nodes[0].opens(ProtocolGet); got != opened {
			t.Errorf("%d streams were opened beside idle ones", got-opened)
		}
		time.Sleep(2 * fetchIdleTimeout)
		synctest.Wait()
		if p.idle != 0 || len(p.by) != 0 || p.reaper != nil {
			t.Errorf("%d streams of %d peers are idle after their time", p.idle, len(p.by))
		}
		for _, n := range w.nodes {
			if len(n.server.getStreams.byPeer) != 0 {
				t.Error("a holder still serves a stream that nobody uses")
			}
		}
	})
}

func TestPoolBoundsStreamsToOnePeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 1)
		peer := w.nodes[0].peer
		c := FetcherConfig{Network: w, StreamsPerPeerMax: 3}
		c.defaults()
		p := newPool(c)
		held := leases(t, p, peer, 3)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.get(ctx, peer, false); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a fourth stream: %v", err)
		}
		got := make(chan *lease)
		go func() { l, _ := p.get(t.Context(), peer, true); got <- l }()
		synctest.Wait()
		held[0].drop()
		(<-got).drop()
		held[1].keep()
		held[2].drop()
		p.close()
		if p.idle != 0 || len(p.by) != 0 {
			t.Errorf("%d streams of %d peers are left", p.idle, len(p.by))
		}
		held = leases(t, p, peer, 1)
		held[0].keep()
		if p.idle != 0 {
			t.Error("a closed pool keeps a stream")
		}
	})
}

func TestStreamThatDiedWhileIdleIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 4)
		stored := w.mustPut(t, w.upload(4, 4), aFew())
		f := w.fetcher(t, FetcherConfig{IdleTimeout: time.Hour})
		for range 3 {
			if err := read(t, f, stored.source(), 0, aFew()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * serverIdleTimeout) // all holders have hung up
		}
	})
}
