package keeper

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// refreshAll learns which objects are in custody, and lists their extents.
func (k *Keeper) refreshAll(ctx context.Context) {
	ids, err := k.Objects.Objects()
	if err != nil {
		k.Log.Warn("custody: listing objects", "error", err)
		return
	}
	k.refreshEach(ctx, ids)
}

// refresh lists the extents of objects that have changed, or could not be looked
// at before, and goes on with a round through all, of which it does what is due
// after some time.
func (k *Keeper) refresh(ctx context.Context, since time.Duration) {
	failed := k.failed
	k.failed = nil
	k.refreshEach(ctx, failed)
	k.refreshEach(ctx, k.Objects.Changed())
	if len(k.rest) == 0 {
		ids, err := k.Objects.Objects()
		if err != nil {
			k.Log.Warn("custody: listing objects", "error", err)
			return
		}
		k.forgetOthers(ids)
		k.rest, k.due = ids, 1+int(int64(len(ids))*int64(since)/int64(roundTime))
	}
	part := k.rest[:min(k.due, len(k.rest))]
	k.rest = k.rest[len(part):]
	k.refreshEach(ctx, part)
}

func (k *Keeper) refreshEach(ctx context.Context, ids []wire.ObjectID) {
	for _, id := range ids {
		if err := k.refreshObject(ctx, id); err != nil && ctx.Err() == nil {
			k.Log.Warn("custody: listing extents", "object", id.String(), "error", err)
			k.failed = append(k.failed, id)
		}
	}
}

// refreshObject lists the extents of an object, unless it is as it was. One that
// refers to none, or is not in custody, takes no memory.
func (k *Keeper) refreshObject(ctx context.Context, id wire.ObjectID) error {
	state, err := k.Objects.State(ctx, id)
	if errors.Is(err, ErrNotKept) {
		return k.dropObject(id)
	}
	if err != nil {
		return err
	}
	if state.Deleted != nil {
		return k.bury(ctx, id, state)
	}
	o, changed := k.update(id, state)
	if !changed {
		return nil
	}
	seen := make(map[name]bool)
	err = state.Extents(ctx, func(x Extent) error {
		n := name{id, x.Extent}
		seen[n] = true
		return k.list(o, n, x)
	})
	if err != nil {
		return err
	}
	if len(seen) == 0 {
		return k.dropObject(id)
	}
	k.mu.Lock()
	o.mark = state.Mark
	k.objects[id] = o // somebody else may have dropped it meanwhile
	k.mu.Unlock()
	return k.drop(func(e *entry) bool { return e.object == id && !seen[e.name] })
}

// update notes who the custodians of an object are now. changed reports whether
// its extents have to be listed.
func (k *Keeper) update(id wire.ObjectID, s State) (o *object, changed bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	o = k.objects[id]
	if o == nil {
		o = &object{}
		k.objects[id] = o
	}
	o.custodians, o.proof = s.Custodians, s.Proof
	return o, o.mark != s.Mark
}

// list takes an extent into custody, unless it is.
func (k *Keeper) list(o *object, n name, x Extent) error {
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
	e := &entry{name: n, of: o, k: x.K, n: x.N}
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

// forgetOthers drops all objects but those that are in custody.
func (k *Keeper) forgetOthers(ids []wire.ObjectID) {
	kept := make(map[wire.ObjectID]bool, len(ids))
	for _, id := range ids {
		kept[id] = true
	}
	k.mu.Lock()
	var others []wire.ObjectID
	for id := range k.objects {
		if !kept[id] {
			others = append(others, id)
		}
	}
	k.mu.Unlock()
	if len(others) == 0 {
		return
	}
	if err := k.drop(func(e *entry) bool { return !kept[e.object] }, others...); err != nil {
		k.Log.Warn("custody: forgetting extents", "error", err)
	}
}

// dropObject forgets an object and its extents.
func (k *Keeper) dropObject(id wire.ObjectID) error {
	k.mu.Lock()
	_, there := k.objects[id]
	k.mu.Unlock()
	if !there {
		return nil
	}
	return k.drop(func(e *entry) bool { return e.object == id }, id)
}

// drop forgets extents, and objects that have none any more, on disk too.
func (k *Keeper) drop(which func(*entry) bool, objects ...wire.ObjectID) error {
	k.mu.Lock()
	gone := k.forget(which)
	for _, id := range objects {
		delete(k.objects, id)
	}
	k.mu.Unlock()
	return k.unwrite(gone)
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
