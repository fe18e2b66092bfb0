package objects

import (
	"context"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/archive"
	"github.com/atollnet/atoll/objects/transfer"
	"github.com/atollnet/atoll/objects/tree"
	"github.com/atollnet/atoll/objects/update"
)

// actionsPerUpdate bounds the versions or extents of one update: some 60 bytes
// each, far below what an update may have.
const actionsPerUpdate = 1000

// Forgotten is what a Prune came to.
type Forgotten struct {
	Kept, Forgotten int
	Version         wire.Version // in which that was ordered; 0: nothing was to be forgotten
}

// Prune forgets the versions of an object that are not kept. They cannot be read
// any more, and what only they refer to can be collected. With dry it only says
// how many. Only the owner may; the error is of kind Refused for others.
func (g *Gateway) Prune(ctx context.Context, object wire.ObjectID, keep Keep, dry bool) (f Forgotten, err error) {
	s, err := g.Newest(ctx, object)
	if err == nil && !dry {
		s, err = g.dropLeft(ctx, s)
	}
	if err != nil {
		return f, err
	}
	var versions []VersionInfo
	for v, err := range s.Versions(ctx) {
		if err != nil {
			return f, err
		}
		versions = append(versions, v)
	}
	forget := keep.Forget(versions)
	f.Kept, f.Forgotten = len(versions)-len(forget), len(forget)
	if dry {
		return f, nil
	}
	for len(forget) > 0 {
		n := min(len(forget), actionsPerUpdate)
		var b batch
		for _, v := range forget[:n] {
			b.clause.Actions = append(b.clause.Actions, update.Forget(v))
		}
		ordered, err := g.submit(ctx, object, &b)
		if err != nil {
			return f, errs.Wrap("forget versions", object.String(), err)
		}
		f.Version, forget = ordered.Version, forget[n:]
	}
	return f, nil
}

// Collect releases the extents of an object that nothing refers to, no retained
// version included, and returns who took their shares when they were written.
// Only the owner may; the error is of kind Refused for others.
func (g *Gateway) Collect(ctx context.Context, object wire.ObjectID) (released []transfer.Source, v wire.Version, err error) {
	s, err := g.Newest(ctx, object)
	if err == nil {
		s, err = g.dropLeft(ctx, s)
	}
	if err != nil {
		return nil, 0, err
	}
	unused, err := s.unused(ctx)
	if err != nil {
		return nil, 0, errs.Wrap("collect", object.String(), err)
	}
	for len(unused) > 0 {
		n := min(len(unused), actionsPerUpdate)
		var b batch
		for _, x := range unused[:n] {
			b.clause.Actions = append(b.clause.Actions, update.Release(x.Extent))
		}
		ordered, err := g.submit(ctx, object, &b)
		if err != nil {
			return released, v, errs.Wrap("collect", object.String(), err)
		}
		released, v, unused = append(released, unused[:n]...), ordered.Version, unused[n:]
	}
	return released, v, nil
}

// unused lists the extents that can be released.
func (s *Snapshot) unused(ctx context.Context) (all []transfer.Source, err error) {
	for x, err := range update.Extents(ctx, s.state) {
		if err != nil {
			return nil, err
		}
		if x.Live > 0 {
			continue
		}
		kept := false
		for _, err := range s.state.Scan(ctx, update.VersionKey(x.First), update.VersionKey(x.Last)) {
			if err != nil {
				return nil, err
			}
			kept = true
			break
		}
		if !kept {
			all = append(all, firstHolders(x))
		}
	}
	return all, nil
}

func firstHolders(x update.Listed) transfer.Source {
	source := transfer.Source{Extent: x.ID}
	for _, r := range x.Receipts {
		source.Holders = append(source.Holders, transfer.Holding{Peer: r.Holder, Share: int(r.Share)})
	}
	return source
}

// Refers tells of each extent whether a version of an object knows it, as one
// with blocks of files or as part of its tree's archive. It needs no key.
func (g *Gateway) Refers(ctx context.Context, object wire.ObjectID, head Head, extents []wire.ExtentID) (refers []bool, err error) {
	refers = make([]bool, len(extents))
	if update.IsDeleted(head.Root) {
		return refers, nil
	}
	nodes := archive.NewReader(object, g.Nodes, g.Ring, g.Fetcher, head.Hint)
	state := tree.Load(nodes, head.Root)
	for i, id := range extents {
		for _, x := range head.Hint.Extents {
			refers[i] = refers[i] || x.ID == id
		}
		if refers[i] || head.Root.IsZero() {
			continue
		}
		if _, refers[i], err = state.Get(ctx, update.ExtentKey(id)); err != nil {
			return nil, err
		}
	}
	return refers, nil
}
