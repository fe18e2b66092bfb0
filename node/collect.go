package node

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/transfer"
)

// holdersToldAtOnce is how many holders are told at the same time what is
// released, and locatedAtOnce of how many extents holders are looked for.
const (
	holdersToldAtOnce = 16
	locatedAtOnce     = 8
)

// Prune implements api.Backend.
func (b backend) Prune(ctx context.Context, r api.PruneRequest) (api.Pruned, error) {
	_, p, err := b.place(ctx, r.Ref, false)
	if err != nil {
		return api.Pruned{}, err
	}
	keep := keepOf(r.Retention)
	if keep.IsEmpty() {
		return api.Pruned{}, errs.Hint(errs.Newf("prune", r.Ref, errs.Usage, "nothing is said about what to keep"), "--keep-last 1 keeps the newest version alone")
	}
	f, err := b.gateway.Prune(ctx, p.Object, keep, r.Dry)
	out := api.Pruned{Object: p.Object.String(), Kept: f.Kept, Forgotten: f.Forgotten, Version: uint64(f.Version)}
	if err != nil || r.Dry {
		return out, err
	}
	out.Collected, err = b.collect(ctx, p.Object)
	return out, err
}

// Collect implements api.Backend.
func (b backend) Collect(ctx context.Context, r api.CollectRequest) (api.Collected, error) {
	_, p, err := b.place(ctx, r.Ref, false)
	if err != nil {
		return api.Collected{}, err
	}
	return b.collect(ctx, p.Object)
}

// collect releases what an object does not refer to, and tells the holders.
func (b backend) collect(ctx context.Context, object wire.ObjectID) (api.Collected, error) {
	released, version, err := b.gateway.Collect(ctx, object)
	out := api.Collected{Object: object.String(), Extents: len(released), Version: uint64(version)}
	if err != nil || len(released) == 0 {
		return out, err
	}
	if err := b.finishRelease(ctx, object, version, released, &out); err != nil {
		return out, err
	}
	return out, b.ring.Archive(ctx, object)
}

// finishRelease tells every holder that can be found. One that does not hear of
// it frees the shares when their leases have run out.
func (b backend) finishRelease(ctx context.Context, object wire.ObjectID, version wire.Version, released []transfer.Source, out *api.Collected) error {
	k, err := b.ring.newest(ctx, object)
	if err != nil {
		return err
	}
	proof, err := bareHead(k)
	if err != nil {
		return err
	}
	holders := b.locateReleased(ctx, released)
	owner := transfer.Owner{Network: network{b.host, b.census.Lost}, Key: author{b.volumes}}
	t := b.tellHolders(ctx, "releasing", slices.Collect(maps.Keys(holders)), func(peer wire.PeerID) (uint64, error) {
		return tellReleased(ctx, owner, peer, object, version, holders[peer], proof)
	})
	out.FreedBytes, out.Holders, out.Silent = t.freed, t.holders, t.silent
	return context.Cause(ctx)
}

// told is what came of telling holders that they may free something.
type told struct {
	freed           uint64 // bytes
	holders, silent int    // those that were asked, and of these who did not answer or refused
}

// tellHolders tells holders, a number of them at a time, and reports how far it is.
func (b backend) tellHolders(ctx context.Context, phase string, holders []wire.PeerID, tell func(wire.PeerID) (freed uint64, err error)) (t told) {
	var mu sync.Mutex
	var telling sync.WaitGroup
	slots := make(chan struct{}, holdersToldAtOnce)
	for _, peer := range holders {
		slots <- struct{}{}
		telling.Go(func() {
			defer func() { <-slots }()
			freed, err := tell(peer)
			mu.Lock()
			defer mu.Unlock()
			t.freed += freed
			t.holders++
			if err != nil {
				t.silent++
				b.log.Info(phase+": telling a holder", "peer", peer.String(), "error", err)
			}
			api.Report(ctx, api.Progress{Phase: phase, Done: int64(t.holders), Total: int64(len(holders)), Unit: "holders"})
		})
	}
	telling.Wait()
	return t
}

// tellReleased tells one holder.
func tellReleased(ctx context.Context, owner transfer.Owner, peer wire.PeerID, object wire.ObjectID, version wire.Version, extents []wire.ExtentID, proof []byte) (freed uint64, err error) {
	slices.SortFunc(extents, func(a, b wire.ExtentID) int { return bytes.Compare(a[:], b[:]) })
	for part := range slices.Chunk(slices.Compact(extents), transfer.ReleaseExtentsMax) {
		n, err := owner.Release(ctx, transfer.Release{Object: object, Version: version, Holder: peer, Extents: part}, proof)
		if err != nil {
			return freed, err
		}
		freed += n
	}
	return freed, nil
}

// locateReleased finds who holds shares of what is released: the first holders,
// and those that shares have moved to.
func (b backend) locateReleased(ctx context.Context, released []transfer.Source) map[wire.PeerID][]wire.ExtentID {
	holders := make(map[wire.PeerID][]wire.ExtentID)
	var mu sync.Mutex
	var looked sync.WaitGroup
	slots := make(chan struct{}, locatedAtOnce)
	for _, source := range released {
		slots <- struct{}{}
		looked.Go(func() {
			defer func() { <-slots }()
			moved, _ := b.locate(ctx, source.Extent) // those who are not found keep it until their lease has run out
			mu.Lock()
			defer mu.Unlock()
			for _, h := range source.Holders {
				moved = append(moved, h.Peer)
			}
			slices.SortFunc(moved, func(a, b wire.PeerID) int { return bytes.Compare(a[:], b[:]) })
			for _, p := range slices.Compact(moved) {
				holders[p] = append(holders[p], source.Extent)
			}
		})
	}
	looked.Wait()
	return holders
}

// accountsShown is how many authors and objects a Quota names.
const accountsShown = 100

// Quota implements api.Backend.
func (b backend) Quota(context.Context) (api.Quota, error) {
	u := b.shares.Usage()
	q := api.Quota{
		StoredBytes: u.StoredBytes, DiskBytes: u.DiskBytes, QuotaBytes: u.QuotaBytes, FreeBytes: u.FreeBytes, Shares: u.Shares, Damaged: u.Damaged,
		Authors: []api.Account{}, Objects: []api.Account{},
	}
	authors, byObject := b.shares.Accounts(accountsShown)
	for _, a := range authors {
		q.Authors = append(q.Authors, api.Account(a))
	}
	for _, a := range byObject {
		q.Objects = append(q.Objects, api.Account(a))
	}
	return q, nil
}
