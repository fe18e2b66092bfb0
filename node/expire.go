package node

import (
	"context"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects"
	"github.com/atollnet/atoll/objects/store"
)

const (
	// expiredAtOnce is how many leases that have run out are looked at together.
	expiredAtOnce = 256
	// extendSeconds is for how long a lease goes on that has run out although
	// its object refers to the share: its custodians were away, and may come
	// back.
	extendSeconds = 30 * 24 * 3600
	// askHeadMax is how long a holder waits for an object's head.
	askHeadMax = 30 * time.Second
	// behindMax is how long it waits for a version that others have heard of.
	behindMax = 5 * time.Second
)

// dropExpired frees what nobody leases any more. Leases run on this peer's own
// uptime, so that neither a clock that jumps nor a long sleep ends one.
func (n *Node) dropExpired(ctx context.Context) error {
	tick := time.NewTicker(uptimeTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := n.sweep(ctx); err != nil && ctx.Err() == nil {
			n.log.Warn("freeing what is not leased any more", "error", err)
		}
	}
}

// sweep looks at the leases that have run out, until none is left.
func (n *Node) sweep(ctx context.Context) error {
	if n.alone() {
		return nil // nobody can be asked: it is this peer that is cut off
	}
	for {
		all, err := n.shares.Expired(expiredAtOnce)
		if err != nil || len(all) == 0 {
			return err
		}
		byObject := make(map[wire.ObjectID][]store.Lease)
		for _, l := range all {
			byObject[l.Object] = append(byObject[l.Object], l)
		}
		for object, leases := range byObject {
			if err := n.expire(ctx, object, leases); err != nil {
				return err
			}
		}
	}
}

// expire decides about leases of one object that have run out: before anything
// is freed its newest certified state is looked at once more. What it refers to
// stays; where nobody knows it, everything stays for another 30 days.
func (n *Node) expire(ctx context.Context, object wire.ObjectID, leases []store.Lease) error {
	gone, leases := n.unwanted(object, leases)
	extents := make([]wire.ExtentID, len(leases))
	for i, l := range leases {
		extents[i] = l.Extent
	}
	refers, err := []bool(nil), error(nil)
	if len(leases) > 0 {
		refers, err = n.refersNow(ctx, object, extents, 0)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for i, l := range leases {
		var extendErr error
		switch {
		case err == nil && refers[i]:
			extendErr = n.shares.Extend(l, extendSeconds)
		case err != nil && !l.Reprieved:
			extendErr = n.shares.Extend(l, store.ReprieveSeconds)
		default:
			gone = append(gone, l)
		}
		if extendErr != nil {
			return extendErr
		}
	}
	freed, dropErr := n.shares.Drop(gone...)
	if dropErr != nil {
		return dropErr
	}
	n.log.Info("leases have run out", "object", object.String(), "leases", len(leases), "freed", freed, "head", err == nil)
	return nil
}

// unwanted parts leases of an object that nobody needs to be asked about: it is
// deleted, or denied here.
func (n *Node) unwanted(object wire.ObjectID, leases []store.Lease) (gone, rest []store.Lease) {
	if n.shares.IsDeleted(object) {
		return leases, nil
	}
	for _, l := range leases {
		if n.shares.Denies(object, l.Extent) {
			gone = append(gone, l)
		} else {
			rest = append(rest, l)
		}
	}
	return gone, rest
}

// refersNow tells which extents the newest certified state of an object refers
// to; it must be of that version or later. What was seen once is not enough: a
// member of the ring, or the DHT, must say so now.
func (n *Node) refersNow(ctx context.Context, object wire.ObjectID, extents []wire.ExtentID, least wire.Version) ([]bool, error) {
	ctx, cancel := context.WithTimeout(ctx, askHeadMax)
	defer cancel()
	head, err := n.headAt(ctx, object, least)
	if err != nil {
		return nil, err
	}
	if head.Version < least {
		return nil, errs.Newf("read head", object.String(), errs.NoQuorum, "version %d is the newest that is found, %d is wanted", head.Version, least)
	}
	return n.gateway.Refers(ctx, object, head, extents)
}

// headAt is freshHead for whoever has heard of a version that may be on its way to
// this peer: a member learns of what its ring has ordered after the others have
// answered for it.
func (n *Node) headAt(ctx context.Context, object wire.ObjectID, least wire.Version) (head objects.Head, err error) {
	n.news.try(ctx, object, behindMax, func() bool {
		head, err = n.freshHead(ctx, object)
		return err != nil || head.Version >= least
	})
	return head, err
}

// freshHead returns the newest head of an object that can be had now.
func (n *Node) freshHead(ctx context.Context, object wire.ObjectID) (objects.Head, error) {
	k, here, err := n.ring.local(object)
	if err == nil && !here {
		if k, err = n.ring.find(ctx, object); err == nil {
			var asked known
			if asked, err = n.ring.ask(ctx, object, k); err != nil {
				asked, err = n.ring.lookup(ctx, object)
			}
			k = asked
		}
	}
	if err != nil {
		return objects.Head{}, err
	}
	head := k.export()
	if hint, err := n.ring.archiver.Hint(object); err == nil && hint.Version >= head.Hint.Version {
		head.Hint = hint
	}
	return head, nil
}

// releasing lets go of shares for owners.
type releasing struct {
	n      *Node
	proofs *proofs
}

// Owner implements transfer.Releasing.
func (r releasing) Owner(object wire.ObjectID, key wire.PublicKey, proof []byte) error {
	return r.proofs.check(object, key, proof, true)
}

// Release implements transfer.Releasing.
func (r releasing) Release(ctx context.Context, object wire.ObjectID, version wire.Version, extents []wire.ExtentID) (uint64, error) {
	refers, err := r.n.refersNow(ctx, object, extents, version)
	if err != nil {
		return 0, err
	}
	var gone []wire.ExtentID
	for i, id := range extents {
		if !refers[i] {
			gone = append(gone, id)
		}
	}
	return r.n.shares.Release(object, gone)
}
