package transfer

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

func TestPeersAreRankedByWhatTheyDid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near := wire.PeerID{1}
		table := newPeerTable(100, func(p wire.PeerID) (time.Duration, bool) { return time.Millisecond, p == near })
		unknown, fast, slow, dead, liar := wire.PeerID{2}, wire.PeerID{3}, wire.PeerID{4}, wire.PeerID{5}, wire.PeerID{6}
		table.answered(fast, 1<<20, time.Millisecond)
		table.answered(slow, 1<<20, 10*time.Second)
		table.answered(dead, 1<<20, time.Millisecond)
		table.failed(dead)
		table.answered(liar, 1<<20, time.Millisecond)
		table.lied(liar)
		order := []wire.PeerID{fast, near, unknown, slow, dead}
		for i := 1; i < len(order); i++ {
			if a, b := table.rank(order[i-1], 0), table.rank(order[i], 0); a > b {
				t.Errorf("peer %d ranks %d, before peer %d with %d", i-1, a, i, b)
			}
		}
		if table.rank(fast, 8) <= table.rank(fast, 0) {
			t.Error("load makes no difference")
		}
		time.Sleep(2 * fetchFailurePenalty)
		if table.rank(dead, 0) != table.rank(fast, 0) || table.rank(liar, 0) < rankAvoided/2 {
			t.Error("a failure is held against a peer for too long, or a lie not long enough")
		}
		for range 100 {
			table.failed(dead)
		}
		time.Sleep(fetchFailurePenaltyMax)
		if table.rank(dead, 0) >= rankAvoided/2 {
			t.Error("a peer that failed is avoided for longer than the most")
		}
		time.Sleep(fetchLiePenalty)
		if table.rank(liar, 0) >= rankAvoided/2 || table.bad.Load() != 1 {
			t.Error("a lie is never forgiven")
		}
	})
}

func TestPeerTableIsBounded(t *testing.T) {
	table := newPeerTable(10, nil)
	for i := range 1000 {
		table.failed(wire.PeerID{byte(i), byte(i >> 8), 1})
		table.failed(wire.PeerID{}) // used all the time, so never forgotten
	}
	if len(table.by) != 10 || table.order.Len() != 10 {
		t.Errorf("%d peers are remembered, want 10", len(table.by))
	}
	if table.by[wire.PeerID{}].Value.(*standing).failures != 1000 {
		t.Error("the peer that was used last was forgotten")
	}
}

func TestManifestCacheIsBounded(t *testing.T) {
	cache := newManifestCache(10)
	first := wire.ExtentID{0xff}
	m := new(extent.Manifest)
	cache.put(first, m)
	for i := range 1000 {
		cache.put(wire.ExtentID{byte(i), byte(i >> 8), 1}, m)
		cache.put(first, m)
		if cache.get(first) == nil {
			t.Fatal("the manifest that was used last was forgotten")
		}
	}
	if len(cache.by) != 10 || cache.order.Len() != 10 {
		t.Errorf("%d manifests are kept, want 10", len(cache.by))
	}
}

func TestRosterIsBounded(t *testing.T) {
	f := NewFetcher(FetcherConfig{})
	var s Source
	for i := range 5000 {
		s.Holders = append(s.Holders, Holding{wire.PeerID{byte(i), byte(i >> 8), 1}, i % 32})
	}
	if r := newRoster(t.Context(), f, s, 32); len(r.holdings) != fetchHoldingsMax {
		t.Errorf("%d holdings are kept, want %d", len(r.holdings), fetchHoldingsMax)
	}
}
