package keeper

import (
	"slices"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/custody"
	"github.com/atollnet/atoll/objects/transfer"
)

// standing says what is believed of a share at a holder.
func (k *Keeper) standing(h *held) custody.Standing {
	switch {
	case h.peer.isLost(k.DeadAfter), h.peer.conduct.Lied > 0:
		return custody.Absent
	case !h.peer.answers, h.doubt:
		return custody.Doubtful
	}
	return custody.Live
}

// standings returns the best standing of each share, and who has it there. The
// caller holds mu.
func (k *Keeper) standings(e *entry) ([]custody.Standing, []wire.PeerID) {
	shares := make([]custody.Standing, e.n)
	holders := make([]wire.PeerID, e.n)
	for _, h := range e.copies {
		if s := k.standing(h); h.share < e.n && s > shares[h.share] {
			shares[h.share], holders[h.share] = s, h.peer.id
		}
	}
	return shares, holders
}

func (k *Keeper) code(e *entry) custody.Code {
	return custody.Code{K: e.k, N: e.n, Threshold: k.Threshold(e.k, e.n)}
}

// judgeAll puts every extent where it belongs in the queue. The caller holds mu.
func (k *Keeper) judgeAll() {
	for _, e := range k.order {
		k.judge(e)
	}
}

// judge puts an extent in the queue or takes it out. The caller holds mu.
func (k *Keeper) judge(e *entry) {
	if e.n == 0 || e.gone || e.failed {
		k.queue.Remove(e.name)
		return
	}
	shares, _ := k.standings(e)
	tally, code := custody.Count(shares), k.code(e)
	v := custody.Judge(code, tally)
	if !v.IsDue(code, tally) {
		e.since = 0
		k.queue.Remove(e.name)
		return
	}
	if e.since == 0 {
		e.since = max(k.awake, 1e-9)
	}
	k.queue.Set(e.name, v)
}

// source returns where live shares of an extent can be had. The caller holds mu.
func (k *Keeper) source(e *entry) transfer.Source {
	s := transfer.Source{Extent: e.extent}
	for _, h := range e.copies {
		if k.standing(h) == custody.Live {
			s.Holders = append(s.Holders, transfer.Holding{Peer: h.peer.id, Share: h.share})
		}
	}
	return s
}

// add notes that a peer has a share, and returns the note. The caller holds mu.
func (k *Keeper) add(e *entry, h transfer.Holding, renewed int64) *held {
	for _, c := range e.copies {
		if c.share == h.Share && c.peer.id == h.Peer {
			c.renewed = max(c.renewed, renewed)
			return c
		}
	}
	c := &held{peer: k.peer(h.Peer), share: h.Share, renewed: renewed}
	e.copies = append(e.copies, c)
	k.trim(e)
	return c
}

// trim forgets lost places beyond the bound, the oldest first. The caller holds
// mu.
func (k *Keeper) trim(e *entry) {
	if e.n == 0 {
		return
	}
	excess := len(e.copies) - copiesMax*e.n
	e.copies = slices.DeleteFunc(e.copies, func(h *held) bool {
		if excess > 0 && k.standing(h) == custody.Absent {
			excess--
			return true
		}
		return false
	})
}

// drop forgets that a peer has a share. The caller holds mu.
func (e *entry) drop(h *held) {
	e.copies = slices.DeleteFunc(e.copies, func(c *held) bool { return c == h })
}
