package keeper

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/custody"
)

// mendPoll is how often an extent is looked at that somebody else works on.
const mendPoll = 50 * time.Millisecond

// Mend audits all extents of an object and rebuilds every share that nobody
// proves now, whatever the threshold and however short the silence. It returns
// how many shares were rebuilt. The error is of kind NotFound if the object is
// not in custody here; else it is that of the first extent that could not be
// made whole.
func (k *Keeper) Mend(ctx context.Context, object wire.ObjectID, progress func(done, total int)) (rebuilt int, err error) {
	ids, err := k.Objects.Objects()
	if err != nil {
		return 0, err
	}
	if !slices.Contains(ids, object) {
		return 0, errs.Newf("repair", object.String(), errs.NotFound, "it is not in the custody of this peer")
	}
	if err := k.refreshObject(ctx, object); err != nil {
		return 0, err
	}
	k.mu.Lock()
	var all []*entry
	for _, e := range k.order {
		if e.object == object {
			all = append(all, e)
		}
	}
	k.mu.Unlock()
	var first error
	for i, e := range all {
		if !k.claim(ctx, e) {
			return rebuilt, context.Cause(ctx)
		}
		n, err := k.mend(ctx, e)
		k.release(e)
		rebuilt += n
		if first == nil {
			first = err
		}
		progress(i+1, len(all))
	}
	return rebuilt, first
}

// claim waits until nobody else works on an extent.
func (k *Keeper) claim(ctx context.Context, e *entry) bool {
	for {
		k.mu.Lock()
		free := !e.busy
		if free {
			e.busy = true
		}
		k.mu.Unlock()
		if free || !pause(ctx, mendPoll) {
			return free
		}
	}
}

// mend makes one extent whole.
func (k *Keeper) mend(ctx context.Context, e *entry) (rebuilt int, err error) {
	m, err := k.manifest(ctx, e)
	if err != nil {
		return 0, errs.New("repair extent", e.extent.String(), errs.TooFew, err)
	}
	k.auditExtent(ctx, e, m)
	k.recount(ctx, e, m)
	k.mu.Lock()
	shares, holders := k.standings(e)
	k.mu.Unlock()
	var wanted []int
	live := custody.Count(shares).Live
	for i, s := range shares {
		if s != custody.Live {
			wanted = append(wanted, i)
			holders[i] = wire.PeerID{}
		}
	}
	switch {
	case len(wanted) == 0:
		return 0, nil
	case live < e.k:
		return 0, errs.New("repair extent", e.extent.String(), errs.TooFew, errors.New("fewer shares answer than are needed to compute the others"))
	}
	return k.rebuild(ctx, e, m, holders, wanted)
}
