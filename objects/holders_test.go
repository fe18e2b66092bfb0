package objects

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/plan"
	"github.com/atollnet/atoll/objects/transfer"
	"github.com/atollnet/atoll/objects/update"
)

// roomy returns n candidates, each of its own group and with so much room.
func roomy(n int, free uint64) (all []plan.Candidate) {
	for i := range n {
		id := wire.PeerID{byte(i + 1)}
		all = append(all, plan.Candidate{Peer: id, Group: id.String(), FreeBytes: free})
	}
	return all
}

func newFailures() *failures {
	return &failures{now: time.Now, until: make(map[wire.PeerID]time.Time)}
}

func TestSparesShareWhatFailedHoldersLeave(t *testing.T) {
	for _, c := range []struct{ peers, dead int }{
		{1, 0}, {1, 1}, {2, 1}, {10, 3}, {31, 10}, {32, 1}, {33, 1}, {50, 16}, {200, 100},
	} {
		const k, n = 16, 32
		candidates := roomy(c.peers, 1<<40)
		h, err := chooseHolders(k, n, 1<<20, candidates, [32]byte{1}, newFailures())
		if err != nil {
			t.Fatal(err)
		}
		for _, dead := range candidates[:c.dead] {
			h.hasFailed(dead.Peer, nil)
		}
		for i, p := range h.shares {
			if h.failed[p] {
				h.shares[i], _ = h.spare()
			}
		}
		given := make(map[wire.PeerID]int)
		for _, p := range h.shares {
			given[p]++
		}
		for p, shares := range given {
			if h.failed[p] || !p.IsZero() && shares > h.most() {
				t.Errorf("%+v: a peer has %d shares, failed: %v", c, shares, h.failed[p])
			}
		}
		if left := c.peers - c.dead; left > 1 && given[wire.PeerID{}] != 0 {
			t.Errorf("%+v: %d shares are left out", c, given[wire.PeerID{}])
		}
	}
}

func TestSparesEnd(t *testing.T) {
	h, err := chooseHolders(4, 16, 20_000, roomy(5, 1<<40), [32]byte{1}, newFailures())
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for p, ok := h.spare(); ok; p, ok = h.spare() {
		if asked++; asked%2 == 0 {
			h.hasFailed(p, nil)
		}
		if asked > 100 {
			t.Fatal("there is no end of spares")
		}
	}
}

func TestRoomIsLookedForByWhatIsKnown(t *testing.T) {
	for name, c := range map[string]struct {
		bytes int64
		free  uint64
		fits  bool
	}{
		"large on large disks":         {1 << 20, 1 << 40, true},
		"small where little is free":   {20_000, 100_000, true},
		"middling where little is":     {100_000, 150_000, true},
		"tiny where next to none is":   {10, 20, true},
		"nobody has room":              {20_000, 4_000, false},
		"room on too few, each enough": {1 << 20, 70_000, false},
	} {
		h, err := chooseHolders(4, 16, c.bytes, roomy(3, c.free), [32]byte{1}, newFailures())
		if (err == nil) != c.fits || err != nil && (errs.KindOf(err) != errs.Full || errs.HintOf(err) == "") {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && h.enough() < 4 {
			t.Errorf("%s: %d shares are enough", name, h.enough())
		}
	}
}

func TestWhoDidNotAnswerIsLeftOutForAWhile(t *testing.T) {
	now := time.UnixMilli(0)
	f := newFailures()
	f.now = func() time.Time { return now }
	candidates := roomy(20, 1<<40)
	h, err := chooseHolders(4, 16, 10_000, candidates, [32]byte{1}, f)
	if err != nil {
		t.Fatal(err)
	}
	h.hasFailed(candidates[3].Peer, errors.New("no answer"))
	h.hasFailed(candidates[4].Peer, &transfer.Refusal{Kind: transfer.RefusedFull})
	h.hasFailed(candidates[5].Peer, context.Canceled)
	if left := f.without(candidates); len(left) != 19 || left[3].Peer != candidates[4].Peer {
		t.Errorf("%d of 20 are left", len(left))
	}
	now = now.Add(avoidFor)
	if left := f.without(candidates); len(left) != 20 {
		t.Errorf("%d of 20 are left after a while", len(left))
	}
}

func TestFailuresAreBounded(t *testing.T) {
	f := newFailures()
	for i := range 2 * failuresMax {
		f.note(wire.PeerID{byte(i), byte(i >> 8)})
	}
	if len(f.until) != failuresMax {
		t.Errorf("%d peers are remembered, limit %d", len(f.until), failuresMax)
	}
}

// Peers that are known and cannot be reached leave their shares to the others,
// which hold several each where peers are few.
func TestPutWhileAThirdOfFewPeersIsGone(t *testing.T) {
	w := newWorld(t, 10)
	w.listsDead = true
	for _, h := range w.holders[3:6] {
		h.kill()
	}
	content := random(1, 3<<20)
	w.put(w.gateway(0), "f", content)
	got, err := w.read(w.gateway(0), "f")
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d of %d bytes came back, %v", len(got), len(content), err)
	}
	for _, h := range w.holders {
		h.kill()
	}
	f := File{Kind: update.KindFile}
	if _, err := w.gateway(0).Put(t.Context(), Dest{Place: w.place, Path: "g"}, f, bytes.NewReader(content)); errs.KindOf(err) != errs.TooFew {
		t.Errorf("a put that reaches nobody: %v", err)
	}
}
