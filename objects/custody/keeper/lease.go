package keeper

import (
	"context"

	"github.com/atollnet/atoll/objects/custody"
	"github.com/atollnet/atoll/objects/transfer"
)

// renewer renews leases that are due, one extent after another.
func (k *Keeper) renewer(ctx context.Context) {
	for next := 0; ctx.Err() == nil; {
		if e := k.nextLease(&next); e != nil {
			k.renew(ctx, e)
			k.release(e)
			continue
		}
		pause(ctx, k.tick())
	}
}

// nextLease goes round the extents once, from where it was, to one that has a
// lease to renew.
func (k *Keeper) nextLease(next *int) *entry {
	k.mu.Lock()
	defer k.mu.Unlock()
	for range k.order {
		if *next >= len(k.order) {
			*next = 0
		}
		e := k.order[*next]
		*next++
		if !e.busy && k.awake >= e.retry && len(k.dueLeases(e)) > 0 && k.isFirst(e) {
			e.busy = true
			return e
		}
	}
	return nil
}

// dueLeases returns the live shares whose lease is to be renewed. The caller
// holds mu.
func (k *Keeper) dueLeases(e *entry) (due []*held) {
	for _, h := range e.copies {
		if k.standing(h) == custody.Live && custody.LeaseDue(h.renewed, unixNow(), k.LeaseSeconds) {
			due = append(due, h)
		}
	}
	return due
}

func (k *Keeper) renew(ctx context.Context, e *entry) {
	m, err := k.manifest(ctx, e)
	k.mu.Lock()
	due, proof := k.dueLeases(e), e.of.proof
	k.mu.Unlock()
	failed := err != nil
	for _, h := range due {
		if failed || k.audits.Wait(ctx) != nil {
			break
		}
		_, err := k.Orders.Renew(ctx, e.object, h.peer.id, m, h.share, k.LeaseSeconds, proof)
		k.mu.Lock()
		switch {
		case err == nil:
			h.renewed = unixNow()
		case transfer.Denies(err):
			h.peer.conduct.Missing++
			e.drop(h)
		default:
			failed = true
		}
		k.mu.Unlock()
	}
	if failed {
		k.mu.Lock()
		e.retry = k.awake + k.retryAfter()
		k.mu.Unlock()
	}
	k.save(e)
}

var _ Orders = transfer.Custodian{}
