package archive

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
	"github.com/atollnet/atoll/objects/transfer"
)

// ErrIncomplete is returned for an archive of another member's that lacks nodes
// which this one still has to archive.
var ErrIncomplete = errors.New("the archive lacks nodes of the versions that it is said to hold")

// Adopt takes over what another member of the ring has archived, so that it is
// not archived twice: nodes count as archived only if they lie, byte by byte, in
// an extent that the hint names. A hint that is not ahead of what this peer has
// archived changes nothing.
func (a *Archiver) Adopt(ctx context.Context, object wire.ObjectID, fetch Fetcher, hint Hint) error {
	leave, err := a.enter(ctx, object)
	if err != nil {
		return errs.Wrap("adopt archive", object.String(), err)
	}
	defer leave()
	ad := adoption{Archiver: a, object: object, fetch: fetch, hint: hint}
	return errs.Wrap("adopt archive", object.String(), ad.run(ctx))
}

// adoption is one call of Adopt.
type adoption struct {
	*Archiver
	object wire.ObjectID
	fetch  Fetcher
	hint   Hint

	state    state
	versions []wire.Version // pending, and in the hint
	lacking  map[wire.NodeHash]bool
	next     state
	fresh    []written
}

func (ad *adoption) run(ctx context.Context) error {
	if err := ad.store.View(ad.load); err != nil || ad.hint.Version <= ad.state.Version {
		return err
	}
	have := make(map[wire.ExtentID]archived, len(ad.state.Extents))
	for _, x := range ad.state.Extents {
		have[x.ID] = x
	}
	ad.next.Version = ad.hint.Version
	for i, e := range ad.hint.Extents {
		if x, known := have[e.ID]; known {
			ad.next.Extents = append(ad.next.Extents, x)
			delete(have, e.ID)
			continue
		}
		if err := ad.examine(ctx, ad.hint.Source(i)); err != nil {
			return err
		}
	}
	if len(ad.lacking) > 0 {
		return fmt.Errorf("%w: %d of them", ErrIncomplete, len(ad.lacking))
	}
	return ad.finish(have)
}

// load reads what is archived and what is pending.
func (ad *adoption) load(r kv.Reader) (err error) {
	if ad.state, err = loadState(r, ad.object); err != nil {
		return err
	}
	ad.lacking = make(map[wire.NodeHash]bool)
	prefix := key(ad.object, pendingClass)
	return r.Scan(prefix, nil, false, func(k, b []byte) (bool, error) {
		v := wire.Version(binary.BigEndian.Uint64(k[len(prefix):]))
		if v > ad.hint.Version {
			return false, nil
		}
		var nodes []wire.NodeHash
		if err := wire.Unmarshal(b, &nodes, recordBytesMax); err != nil {
			return false, err
		}
		for _, h := range nodes {
			ad.lacking[h] = true
		}
		ad.versions = append(ad.versions, v)
		return true, nil
	})
}

// examine reads the index of an extent, and proves the packs in which there are
// nodes that this peer lacks an archive for.
func (ad *adoption) examine(ctx context.Context, s transfer.Source) error {
	m, err := ad.fetch.Manifest(ctx, s)
	if err != nil {
		return err
	}
	var x index
	stripes := len(m.Stripes)
	err = ad.fetch.Read(ctx, s, stripes-1, stripes, func(_ int, b []byte) (err error) {
		x, err = parseIndex(b, stripes)
		return err
	})
	if err != nil {
		return err
	}
	w := written{}
	wanted := make(map[int]bool)
	var bytes uint64
	for _, e := range x.Nodes {
		w.nodes = append(w.nodes, e.Hash)
		bytes += uint64(e.Length)
		wanted[int(e.Stripe)] = wanted[int(e.Stripe)] || ad.lacking[e.Hash]
	}
	for stripe := range stripes - 1 {
		if !wanted[stripe] {
			continue
		}
		if err := ad.provePack(ctx, s, m, x, stripe); err != nil {
			return err
		}
	}
	w.archived = newArchived(s, bytes)
	ad.next.Extents, ad.fresh = append(ad.next.Extents, w.archived), append(ad.fresh, w)
	return nil
}

// provePack makes sure that a pack holds the nodes of its index: by the hash that
// the same nodes of this peer's give, or by reading it.
func (ad *adoption) provePack(ctx context.Context, s transfer.Source, m *extent.Manifest, x index, stripe int) error {
	var own []byte
	complete := true
	for _, e := range x.Nodes {
		if int(e.Stripe) != stripe {
			continue
		}
		b, err := ad.nodes.Node(ctx, e.Hash)
		complete = complete && err == nil
		own = append(own, b...)
	}
	if complete && m.Stripes[stripe].Hash == wire.BlockHash(wire.Sum(own)) {
		ad.found(x, stripe, own)
		return nil
	}
	return ad.fetch.Read(ctx, s, stripe, stripe+1, func(_ int, pack []byte) error {
		ad.found(x, stripe, pack)
		return nil
	})
}

func (ad *adoption) found(x index, stripe int, pack []byte) {
	for _, n := range x.unpack(stripe, pack) {
		delete(ad.lacking, n.Hash)
	}
}

// finish records the other's archive as this peer's; left are the extents that
// it does without.
func (ad *adoption) finish(left map[wire.ExtentID]archived) error {
	w := work{versions: ad.versions}
	for _, x := range ad.state.Extents {
		if _, gone := left[x.ID]; gone {
			w.replaced = append(w.replaced, x.ID)
		}
	}
	return ad.record(ad.object, w, ad.fresh, ad.next)
}
