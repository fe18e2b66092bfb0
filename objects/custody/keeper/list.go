package keeper

import (
	"context"
	"maps"
	"slices"

	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// refresh learns which objects are in custody now, and lists the extents of
// those that changed.
func (k *Keeper) refresh(ctx context.Context) {
	ids, err := k.Objects.Objects()
	if err != nil {
		k.Log.Warn("custody: listing objects", "error", err)
		return
	}
	for _, id := range ids {
		if err := k.refreshObject(ctx, id); err != nil && ctx.Err() == nil {
			k.Log.Warn("custody: listing extents", "object", id.String(), "error", err)
		}
	}
	k.forgetObjects(ids)
}

func (k *Keeper) refreshObject(ctx context.Context, id wire.ObjectID) error {
	state, err := k.Objects.State(ctx, id)
	if err != nil {
		return err
	}
	k.mu.Lock()
	o := k.objects[id]
	if o == nil {
		o = &object{}
		k.objects[id] = o
	}
	o.custodians, o.proof = state.Custodians, state.Proof
	changed := o.mark != state.Mark
	k.mu.Unlock()
	if !changed {
		return nil
	}
	seen := make(map[name]bool)
	err = state.Extents(ctx, func(x Extent) error {
		n := name{id, x.Extent}
		seen[n] = true
		return k.list(n, x)
	})
	if err != nil {
		return err
	}
	k.mu.Lock()
	o.mark = state.Mark
	gone := k.forget(func(e *entry) bool { return e.object == id && !seen[e.name] })
	k.mu.Unlock()
	return k.unwrite(gone)
}

// list takes an extent into custody, unless it is.
func (k *Keeper) list(n name, x Extent) error {
	k.mu.Lock()
	known := k.extents[n] != nil
	k.mu.Unlock()
	if known {
		return nil
	}
	record, found, err := read(k.Store, extentKey(n), parseExtentRecord)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.extents[n] != nil {
		return nil
	}
	e := &entry{name: n, of: k.objects[n.object], k: x.K, n: x.N}
	if found {
		e.audited = record.Audited
		if e.n == 0 {
			e.k, e.n = int(record.K), int(record.N)
		}
		for _, c := range record.Copies {
			e.copies = append(e.copies, &held{peer: k.peer(c.Peer), share: int(c.Share), renewed: c.Renewed, doubt: c.Doubt})
		}
	} else {
		// A new extent: its receipts are as good as an audit.
		now := unixNow()
		for _, h := range x.Holders {
			k.add(e, h, now)
		}
	}
	k.extents[n] = e
	k.order = append(k.order, e)
	k.judge(e)
	return nil
}

// forgetObjects drops what is in custody no more.
func (k *Keeper) forgetObjects(ids []wire.ObjectID) {
	var gone []*entry
	k.mu.Lock()
	for id := range k.objects {
		if !slices.Contains(ids, id) {
			gone = append(gone, k.forget(func(e *entry) bool { return e.object == id })...)
		}
	}
	maps.DeleteFunc(k.objects, func(id wire.ObjectID, _ *object) bool { return !slices.Contains(ids, id) })
	k.mu.Unlock()
	if err := k.unwrite(gone); err != nil {
		k.Log.Warn("custody: forgetting extents", "error", err)
	}
}

// forget drops extents and returns them. Those that are being worked on keep
// their object's last proof until that is done. The caller holds mu.
func (k *Keeper) forget(which func(*entry) bool) (gone []*entry) {
	k.order = slices.DeleteFunc(k.order, func(e *entry) bool {
		if !which(e) {
			return false
		}
		e.gone = true
		k.queue.Remove(e.name)
		delete(k.extents, e.name)
		gone = append(gone, e)
		return true
	})
	return gone
}

// unwrite deletes the records of extents that are in custody no more.
func (k *Keeper) unwrite(gone []*entry) error {
	for part := range slices.Chunk(gone, unwriteMax) {
		err := k.Store.Update(func(w kv.Writer) error {
			for _, e := range part {
				if err := w.Delete(extentKey(e.name)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// unwriteMax keeps an update that deletes within the store's limits.
const unwriteMax = kv.UpdateEntriesMax / 4

// save writes down what is known of an extent.
func (k *Keeper) save(e *entry) {
	k.mu.Lock()
	if e.gone {
		k.mu.Unlock()
		return
	}
	r := extentRecord{Format: recordFormat, K: uint8(e.k), N: uint8(e.n), Audited: e.audited}
	for _, h := range e.copies {
		r.Copies = append(r.Copies, copyRecord{Peer: h.peer.id, Share: uint8(h.share), Renewed: h.renewed, Doubt: h.doubt})
	}
	k.mu.Unlock()
	if err := write(k.Store, extentKey(e.name), r); err != nil {
		k.Log.Warn("custody: writing down what holders proved", "extent", e.extent.String(), "error", err)
	}
}
