package node

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/store"
)

// dropsAtOnce is how many leases are dropped between two words of progress.
const dropsAtOnce = 1024

// denied finds what a person wants denied: an extent by its id, or an object by
// its own or by anything that names a place in it.
func (b backend) denied(ctx context.Context, what string, isExtent bool) (store.Denied, error) {
	if isExtent {
		id, err := wire.ParseExtentID(what)
		if err != nil {
			return store.Denied{}, errs.Newf("deny", what, errs.Usage, "not an extent's id: %w", err)
		}
		return store.Denied{Kind: store.DeniedExtent, ID: id}, nil
	}
	if object, err := wire.ParseObjectID(what); err == nil {
		return store.Denied{Kind: store.DeniedObject, ID: object}, nil
	}
	_, p, err := b.place(ctx, what, false)
	if errs.KindOf(err) == errs.Usage {
		err = errs.Hint(errs.New("deny", what, errs.Usage, errors.New("neither an object's id nor a reference")), "peerctl quota lists the objects that have shares here")
	}
	return store.Denied{Kind: store.DeniedObject, ID: p.Object}, err
}

// Deny implements api.Backend.
func (b backend) Deny(ctx context.Context, r api.DenyRequest) (api.Denied, error) {
	d, err := b.denied(ctx, r.What, r.Extent)
	if err != nil {
		return api.Denied{}, err
	}
	out := api.Denied{ID: wire.ObjectID(d.ID).String(), Extent: r.Extent}
	ended, err := b.shares.Deny(store.Denial{Denied: d, Since: time.Now(), Reason: r.Reason})
	if err != nil {
		return out, err
	}
	for some := range slices.Chunk(ended, dropsAtOnce) {
		freed, err := b.shares.Drop(some...)
		out.FreedBytes += int64(freed)
		if err != nil {
			return out, err
		}
		out.Leases += len(some)
		api.Report(ctx, api.Progress{Phase: "dropping", Done: int64(out.Leases), Total: int64(len(ended)), Unit: "shares"})
	}
	b.tellDropped(ctx, ended)
	if d.Kind == store.DeniedObject {
		out.Member = b.leaveDenied(ctx, d.ID)
	}
	return out, context.Cause(ctx)
}

// tellDropped lets custodians rebuild elsewhere what was dropped. They find out
// in any case.
func (b backend) tellDropped(ctx context.Context, leases []store.Lease) {
	byObject := make(map[wire.ObjectID][]wire.ExtentID)
	for _, l := range leases {
		byObject[l.Object] = append(byObject[l.Object], l.Extent)
	}
	for object, extents := range byObject { // few: one, or those that lease one extent
		if _, err := b.notifyCustodians(ctx, object, false, ascending(extents)); err != nil {
			b.log.Info("custodians of what is denied could not be told", "object", object.String(), "error", err)
		}
	}
}

// leaveDenied has this peer replaced in the ring of an object, and reports
// whether it still is a member.
func (b backend) leaveDenied(ctx context.Context, object wire.ObjectID) bool {
	if _, here, err := b.rings.Head(object); err != nil || !here {
		return err != nil
	}
	stays, err := b.leaveRing(ctx, object)
	if err != nil {
		b.log.Info("this peer orders a denied object's updates still", "object", object.String(), "error", err)
	}
	return stays
}

// Allow implements api.Backend.
func (b backend) Allow(ctx context.Context, r api.DenyRequest) (api.Denied, error) {
	d, err := b.denied(ctx, r.What, r.Extent)
	if err != nil {
		return api.Denied{}, err
	}
	out := api.Denied{ID: wire.ObjectID(d.ID).String(), Extent: r.Extent}
	was, err := b.shares.Allow(d)
	if err == nil && !was {
		err = errs.Newf("allow", out.ID, errs.NotFound, "it is not denied")
	}
	return out, err
}

// Denials implements api.Backend.
func (b backend) Denials(context.Context) ([]api.Denial, error) {
	all := []api.Denial{}
	err := b.shares.Denials(func(d store.Denial) bool {
		all = append(all, api.Denial{
			ID: wire.ObjectID(d.ID).String(), Extent: d.Kind == store.DeniedExtent, Since: d.Since, Reason: d.Reason,
		})
		return true
	})
	return all, err
}

// joins is an error if this peer joins no ring of an object; zero: of one that
// has no name yet.
func (n *Node) joins(object wire.ObjectID) error {
	switch {
	case n.departure.leaving.Load():
		return errLeaving
	case n.shares.Denies(object, wire.ExtentID{}):
		return errs.New("join ring", object.String(), errs.Refused, store.ErrDenied)
	}
	return nil
}
