package keeper

import (
	"context"
	"slices"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/custody"
	"github.com/atollnet/atoll/objects/extent"
	"github.com/atollnet/atoll/objects/transfer"
)

const (
	// leavingFor is how long a peer counts as leaving after it has said so: it
	// says it again and again.
	leavingFor = 5 * time.Minute
	// doubtsMax is of how many extents one peer may have itself audited in
	// doubtsEvery by saying that its disk did not keep them: with what everybody
	// is allowed to ask for, audits would be spent on one.
	doubtsMax   = 4096
	doubtsEvery = time.Hour
)

// word is what a peer has said of its own shares.
type word struct {
	leavingUntil float64 // awake seconds; it asks that its shares be moved
	doubts       int     // extents that it had audited since
	since        float64 // awake seconds
}

// isLeaving reports whether a peer is about to leave the network. The caller
// holds mu.
func (k *Keeper) isLeaving(p *peer) bool { return p != nil && p.word.leavingUntil > k.awake }

// Notice takes a holder's word about shares that it holds itself, and says for
// each extent whether the holder is needed. What it says is damaged has to prove
// itself soon; what leaves is moved. It implements transfer.Noticing. Errors: of
// kind NotFound if the object is not in custody here; Full if the holder has said
// too much for now.
func (k *Keeper) Notice(holder wire.PeerID, n transfer.Notice) ([]transfer.Need, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.objects[n.Object] == nil {
		return nil, errs.Newf("hear holder", n.Object.String(), errs.NotFound, "it is not in the custody of this peer")
	}
	p := k.peers[holder] // nil: it holds nothing that counts
	switch {
	case p == nil:
	case n.Leaving:
		p.word.leavingUntil = k.awake + leavingFor.Seconds()
		k.stir()
	case !p.word.allow(k.awake, len(n.Extents)):
		return nil, errs.Newf("hear holder", n.Object.String(), errs.Full, "it has said that %d shares are damaged; audits find the others", doubtsMax)
	}
	needs := make([]transfer.Need, len(n.Extents))
	for i, x := range n.Extents {
		needs[i] = k.hear(k.extents[name{n.Object, x}], p, n.Leaving)
	}
	return needs, nil
}

// allow counts doubts, unless they are too many.
func (w *word) allow(awake float64, n int) bool {
	if awake-w.since >= doubtsEvery.Seconds() {
		w.doubts, w.since = 0, awake
	}
	if w.doubts+n > doubtsMax {
		return false
	}
	w.doubts += n
	return true
}

// hear takes a peer's word about its shares of one extent, and says whether any
// count. The caller holds mu.
func (k *Keeper) hear(e *entry, p *peer, leaving bool) transfer.Need {
	if e == nil {
		return transfer.NotKept
	}
	need := transfer.Settled
	for _, h := range e.copies {
		if h.peer != p {
			continue
		}
		need = transfer.Needed
		if !leaving && !h.doubt {
			h.doubt, e.again = true, true
		}
	}
	return need
}

// nextDeparture goes round the extents once, from where it was, to one that has
// a live share at a peer that is leaving, and says which share and who holds
// what. The caller holds mu.
func (k *Keeper) nextDeparture(next *int) (*entry, int, []wire.PeerID) {
	if !k.isAnybodyLeaving() {
		return nil, 0, nil
	}
	for range k.order {
		if *next >= len(k.order) {
			*next = 0
		}
		e := k.order[*next]
		*next++
		if e.busy || e.n == 0 || k.awake < e.departAt || !k.isFirst(e) {
			continue
		}
		shares, holders := k.standings(e)
		for i, s := range shares {
			if s == custody.Live && k.isLeaving(k.peers[holders[i]]) {
				e.busy = true
				return e, i, holders
			}
		}
	}
	return nil, 0, nil
}

func (k *Keeper) isAnybodyLeaving() bool {
	for _, p := range k.peers {
		if k.isLeaving(p) {
			return true
		}
	}
	return false
}

// auditDoubts audits the copies of an extent that are in doubt, and leaves the
// others to their day.
func (k *Keeper) auditDoubts(ctx context.Context, e *entry, m *extent.Manifest) {
	k.auditSome(ctx, e, m, func(h *held) bool { return h.doubt })
	k.save(e)
}

// hasDoubts reports whether a copy is in doubt whose holder answers. The caller
// holds mu.
func (e *entry) hasDoubts() bool {
	return slices.ContainsFunc(e.copies, func(h *held) bool { return h.doubt && h.peer.answers })
}
