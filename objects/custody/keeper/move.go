package keeper

import (
	"context"
	"slices"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/custody"
	"github.com/atollnet/atoll/objects/plan"
	"github.com/atollnet/atoll/objects/transfer"
)

// move moves one share of an extent that lies on fewer peers than it could, and
// reports whether it did. The share stays at its old holder until the lease
// there runs out, since it is not renewed; nothing is deleted.
func (k *Keeper) move(ctx context.Context, next *int) bool {
	k.mu.Lock()
	none := len(k.order) == 0
	k.mu.Unlock()
	if none {
		return false // to look at all peers is dear
	}
	candidates := k.candidates()
	k.mu.Lock()
	e, share, holders := k.nextMove(next, len(candidates))
	k.mu.Unlock()
	if e == nil {
		return false
	}
	defer k.release(e)
	return k.moveShare(ctx, e, share, holders, candidates, func(others []wire.PeerID, from, to wire.PeerID) bool {
		return count(others, to) < count(others, from)
	})
}

// depart moves one share away from a peer that is leaving, and reports whether
// there was one to move.
func (k *Keeper) depart(ctx context.Context, next *int) bool {
	k.mu.Lock()
	e, share, holders := k.nextDeparture(next)
	k.mu.Unlock()
	if e == nil {
		return false
	}
	defer k.release(e)
	if !k.moveShare(ctx, e, share, holders, k.candidates(), func([]wire.PeerID, wire.PeerID, wire.PeerID) bool { return true }) {
		k.mu.Lock()
		e.departAt = k.awake + k.retryAfter()
		k.mu.Unlock()
	}
	return true
}

// moveShare brings a share to another peer, if that is a good one beside the
// others.
func (k *Keeper) moveShare(ctx context.Context, e *entry, share int, holders []wire.PeerID, candidates []plan.Candidate, good func(others []wire.PeerID, from, to wire.PeerID) bool) bool {
	m, err := k.manifest(ctx, e)
	if err != nil {
		return false
	}
	from := holders[share]
	others := slices.Clone(holders)
	others[share] = wire.PeerID{}
	target := plan.Replace(e.k, m.ShareBytes(), others, []int{share}, candidates, k.nonce())[0]
	if target.IsZero() || !good(others, from, target) || k.spend(ctx, 2*m.ShareBytes()) != nil {
		return false
	}
	data, err := k.Fetcher.Share(ctx, m, transfer.Holding{Peer: from, Share: share})
	if err != nil {
		return false
	}
	k.mu.Lock()
	proof := e.of.proof
	k.mu.Unlock()
	if _, err := k.Orders.Bring(ctx, e.object, target, m, share, data, k.LeaseSeconds, proof); err != nil {
		if refusedAs(err, transfer.RefusedFull) {
			k.full.note(target)
		}
		return false
	}
	k.mu.Lock()
	k.add(e, transfer.Holding{Peer: target, Share: share}, unixNow())
	e.copies = slices.DeleteFunc(e.copies, func(h *held) bool { return h.share == share && h.peer.id == from })
	e.moveAt, e.departAt = 0, 0 // as long as it lies uneven, it goes on
	k.mu.Unlock()
	k.save(e)
	return true
}

func count(holders []wire.PeerID, p wire.PeerID) (n int) {
	for _, h := range holders {
		if h == p {
			n++
		}
	}
	return n
}

// nextMove goes round the extents once, from where it was, to one of which a
// share should move, and says which share and who holds what. The caller holds
// mu.
func (k *Keeper) nextMove(next *int, peers int) (*entry, int, []wire.PeerID) {
	for range k.order {
		if *next >= len(k.order) {
			*next = 0
		}
		e := k.order[*next]
		*next++
		if e.busy || e.n == 0 || k.awake < e.moveAt || e.audited == 0 || !k.isFirst(e) {
			continue
		}
		shares, holders := k.standings(e)
		crowded := plan.Crowded(e.k, holders, peers)
		if i := slices.IndexFunc(crowded, func(i int) bool { return shares[i] == custody.Live }); i >= 0 {
			e.busy, e.moveAt = true, k.awake+moveEvery.Seconds()
			return e, crowded[i], holders
		}
	}
	return nil, 0, nil
}

// isFirst reports whether no other custodian that answers comes before this
// one. The caller holds mu.
func (k *Keeper) isFirst(e *entry) bool {
	o := e.of
	answering := slices.DeleteFunc(slices.Clone(o.custodians), func(c wire.PeerID) bool { return c != k.Self && !k.Peers.Answers(c) })
	return custody.Turn(e.extent, answering, k.Self) == 0 && (len(answering) == 0 || slices.Contains(answering, k.Self))
}
