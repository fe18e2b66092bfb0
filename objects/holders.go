package objects

import (
	"fmt"
	"sync"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/plan"
)

// holders are the peers that take the shares of one extent, and those that may
// step in for them.
type holders struct {
	k, n       int
	candidates []plan.Candidate
	shares     []wire.PeerID // the first holder of each; zero: left out

	mu     sync.Mutex
	given  map[wire.PeerID]int // shares that each was asked to take
	failed map[wire.PeerID]bool
}

// chooseHolders places an extent of (k, n) of which so many bytes are known.
// Room is looked for as if the extent became as large as extents are; where
// peers are nearly full, for what is known of it: they refuse what does not
// fit. The error is of kind Full when nobody has room.
func chooseHolders(k, n int, bytes int64, candidates []plan.Candidate, seed [32]byte) (*holders, error) {
	h := &holders{
		k: k, n: n, candidates: candidates,
		given: make(map[wire.PeerID]int), failed: make(map[wire.PeerID]bool),
	}
	usual := wire.ExtentStripesMax * wire.SealedBytesMax / (2 * k)
	least := int(bytes)/k + 1
	placed := 0
	for _, shareBytes := range []int{usual, least} {
		h.shares = plan.Place(n, k, shareBytes, candidates, seed)
		if placed = h.count(); placed > 0 && placed >= h.enough() {
			return h, nil
		}
	}
	err := errs.New("choose holders", "", errs.Full,
		fmt.Errorf("the peers that are known have room for %d shares of %d bytes, %d are needed", placed, least, h.enough()))
	return nil, errs.Hint(err, "raise the quota of this peer or of others, or wait until more peers join")
}

// count counts anew what each holder was given, and returns how many shares
// have one.
func (h *holders) count() (placed int) {
	clear(h.given)
	for _, p := range h.shares {
		if !p.IsZero() {
			h.given[p]++
			placed++
		}
	}
	return placed
}

// enough returns how many shares must be stored.
func (h *holders) enough() int { return plan.Enough(h.k, h.n, len(h.given)) }

// hasFailed notes that a peer did not take a share.
func (h *holders) hasFailed(p wire.PeerID, _ error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failed[p] = true
}

// spare names a peer for another share: one that has not failed and has the
// fewest, but never more than an even spread over all that are left gives it.
func (h *holders) spare() (p wire.PeerID, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fewest := h.most()
	for _, c := range h.candidates {
		if given := h.given[c.Peer]; given < fewest && !h.failed[c.Peer] {
			p, fewest, ok = c.Peer, given, true
		}
	}
	if ok {
		h.given[p]++
	}
	return p, ok
}

// most returns how many shares one peer may be given.
func (h *holders) most() int {
	left := 0
	for _, c := range h.candidates {
		if !h.failed[c.Peer] {
			left++
		}
	}
	if left <= 1 {
		return h.k // more would be lost with it
	}
	return (h.n + left - 1) / left
}
