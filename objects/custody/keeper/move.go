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
	candidates := k.candidates()
	e, share, holders := k.nextMove(next, len(candidates))
	if e == nil {
		return false
	}
	defer k.release(e)
	m, err := k.manifest(ctx, e)
	if err != nil {
		return false
	}
	from := holders[share]
	holders = slices.Clone(holders)
	holders[share] = wire.PeerID{}
	target := plan.Replace(e.k, m.ShareBytes(), holders, []int{share}, candidates, k.nonce())[0]
	if target.IsZero() || count(holders, target) >= count(holders, from) || k.spend(ctx, 2*m.ShareBytes()) != nil {
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
		return false
	}
	k.mu.Lock()
	k.add(e, transfer.Holding{Peer: target, Share: share}, unixNow())
	e.copies = slices.DeleteFunc(e.copies, func(h *held) bool { return h.share == share && h.peer.id == from })
	e.moveAt = 0 // as long as it lies uneven, it goes on
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
// share should move, and says which share and who holds what.
func (k *Keeper) nextMove(next *int, peers int) (*entry, int, []wire.PeerID) {
	k.mu.Lock()
	defer k.mu.Unlock()
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
