package objects

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/plan"
	"github.com/atollnet/atoll/objects/transfer"
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
	lately *failures
}

// chooseHolders places an extent of (k, n) of which so many bytes are known.
// Room is looked for as if the extent became as large as extents are; where
// peers are nearly full, for what is known of it: they refuse what does not
// fit. The error is of kind Full when nobody has room.
func chooseHolders(k, n int, bytes int64, candidates []plan.Candidate, seed [32]byte, lately *failures) (*holders, error) {
	h := &holders{
		k: k, n: n, candidates: candidates,
		given: make(map[wire.PeerID]int), failed: make(map[wire.PeerID]bool), lately: lately,
	}
	usual := wire.ExtentBytesMax / k
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

// hasFailed notes that a peer did not take a share. One that said why is asked
// again for the next extent, one that said nothing is not.
func (h *holders) hasFailed(p wire.PeerID, err error) {
	h.mu.Lock()
	h.failed[p] = true
	h.mu.Unlock()
	var refusal *transfer.Refusal
	if !errors.As(err, &refusal) && !errors.Is(err, transfer.ErrClosed) && !errors.Is(err, context.Canceled) {
		h.lately.note(p)
	}
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

const (
	// avoidFor is how long a peer that did not answer is left out: longer than
	// the extents of one put are apart, so that they do not wait for it one
	// after another, and until the network itself has noticed.
	avoidFor = time.Minute
	// failuresMax bounds the peers that are remembered; further ones are asked
	// again at once.
	failuresMax = 1024
)

// failures are the peers that did not take a share lately.
type failures struct {
	now func() time.Time

	mu    sync.Mutex
	until map[wire.PeerID]time.Time
}

func (f *failures) note(p wire.PeerID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	maps.DeleteFunc(f.until, func(_ wire.PeerID, until time.Time) bool { return !now.Before(until) })
	if len(f.until) < failuresMax {
		f.until[p] = now.Add(avoidFor)
	}
}

// without returns the candidates that have not failed lately.
func (f *failures) without(all []plan.Candidate) []plan.Candidate {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	return slices.DeleteFunc(slices.Clone(all), func(c plan.Candidate) bool { return now.Before(f.until[c.Peer]) })
}
