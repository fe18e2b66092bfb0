package keeper

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/transfer"
)

const (
	// untoldMax is the most holders of a deleted object that are told: more have
	// never taken its shares. Others free them when their leases run out.
	untoldMax = 4096 // peers
	// tellsAtOnce is how many holders are told at once.
	tellsAtOnce = 8
	// tellRetryMax bounds the seconds after which a holder that could not be
	// told is tried again; they double from retryAfter on.
	tellRetryMax = 3600
	// tellLeases is for how many leases a holder that does not answer is tried.
	tellLeases = 2

	classBurial         = 'd' // object → burialRecord
	burialRecordMax     = 256 << 10
	burialRecordsFormat = 1
)

// burial is a deleted object some of whose holders have not heard of it.
type burial struct {
	deletion transfer.Deletion
	began    int64 // Unix seconds
	untold   map[wire.PeerID]*attempt
}

// attempt is when a holder is to be told next.
type attempt struct {
	at    float64 // awake seconds
	after float64 // seconds that followed the last failure
}

// burialRecord is what is left to do for a deleted object. It stays when nothing
// is, so that nothing is done again.
type burialRecord struct {
	_      struct{} `cbor:",toarray"`
	Format uint64
	Began  int64 // Unix seconds
	Untold []wire.PeerID
}

func burialKey(object wire.ObjectID) []byte {
	return append([]byte{keyPrefix, classBurial}, object[:]...)
}

func parseBurialRecord(b []byte) (r burialRecord, err error) {
	if err := wire.Unmarshal(b, &r, burialRecordMax); err != nil {
		return r, err
	}
	if r.Format != burialRecordsFormat || len(r.Untold) > untoldMax {
		return r, fmt.Errorf("%w: record of a deleted object, format %d, %d holders", wire.ErrEncoding, r.Format, len(r.Untold))
	}
	return r, nil
}

// bury ends the custody of a deleted object: who holds shares of it is written
// down, then its extents are forgotten, and the holders are told one by one. A
// crash at any point has it begin there again.
func (k *Keeper) bury(ctx context.Context, id wire.ObjectID, s State) error {
	k.mu.Lock()
	b := k.burials[id]
	if b != nil {
		b.deletion = *s.Deleted
	}
	k.mu.Unlock()
	if b != nil {
		return nil
	}
	record, found, err := read(k.Store, burialKey(id), parseBurialRecord)
	if err == nil && !found {
		record, err = k.planBurial(ctx, id, s)
	}
	if err == nil {
		err = k.dropObject(id)
	}
	if err == nil {
		err = k.unwriteObject(id)
	}
	if err != nil || len(record.Untold) == 0 {
		return err
	}
	b = &burial{deletion: *s.Deleted, began: record.Began, untold: make(map[wire.PeerID]*attempt)}
	for _, p := range record.Untold {
		b.untold[p] = &attempt{}
	}
	k.mu.Lock()
	k.burials[id] = b
	k.mu.Unlock()
	return nil
}

// planBurial writes down who is to be told: those who took shares at first, and
// those to whom they have moved since.
func (k *Keeper) planBurial(ctx context.Context, id wire.ObjectID, s State) (r burialRecord, err error) {
	holders := make(map[wire.PeerID]bool)
	err = s.Extents(ctx, func(x Extent) error {
		for _, h := range x.Holders {
			holders[h.Peer] = true
		}
		return nil
	})
	if ctx.Err() != nil {
		return r, context.Cause(ctx)
	}
	if err != nil { // its tree may be lost: others know more, and leases run out
		k.Log.Info("custody: who took shares of a deleted object", "object", id.String(), "error", err)
	}
	err = k.eachRecord(id, func(_, value []byte) {
		if r, err := parseExtentRecord(value); err == nil {
			for _, c := range r.Copies {
				holders[c.Peer] = true
			}
		}
	})
	if err != nil {
		return r, err
	}
	k.mu.Lock()
	for _, e := range k.order {
		if e.object == id {
			for _, h := range e.copies {
				holders[h.peer.id] = true
			}
		}
	}
	k.mu.Unlock()
	r = burialRecord{Format: burialRecordsFormat, Began: unixNow(), Untold: sortedPeers(holders)}
	r.Untold = r.Untold[:min(len(r.Untold), untoldMax)]
	return r, write(k.Store, burialKey(id), r)
}

func sortedPeers[V any](peers map[wire.PeerID]V) []wire.PeerID {
	return slices.SortedFunc(maps.Keys(peers), func(a, b wire.PeerID) int { return bytes.Compare(a[:], b[:]) })
}

// eachRecord calls fn for the records of an object's extents.
func (k *Keeper) eachRecord(id wire.ObjectID, fn func(key, value []byte)) error {
	prefix := extentKey(name{object: id})[:2+len(id)]
	return k.Store.View(func(r kv.Reader) error {
		return r.Scan(prefix, nil, false, func(key, value []byte) (bool, error) {
			fn(key, value)
			return true, nil
		})
	})
}

// unwriteObject deletes the records of all extents of an object, those too that
// are not in memory.
func (k *Keeper) unwriteObject(id wire.ObjectID) error {
	var keys [][]byte
	err := k.eachRecord(id, func(key, _ []byte) { keys = append(keys, bytes.Clone(key)) })
	if err != nil {
		return err
	}
	for part := range slices.Chunk(keys, unwriteMax) {
		err := k.Store.Update(func(w kv.Writer) error {
			for _, key := range part {
				if err := w.Delete(key); err != nil {
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

// teller tells holders what is deleted, those that answer.
func (k *Keeper) teller(ctx context.Context) {
	for ctx.Err() == nil {
		var telling sync.WaitGroup
		for _, t := range k.nextTells() {
			telling.Go(func() { k.tell(ctx, t) })
		}
		telling.Wait()
		pause(ctx, k.tick())
	}
}

// told is a holder that is being told.
type told struct {
	object   wire.ObjectID
	peer     wire.PeerID
	deletion transfer.Deletion
}

// nextTells returns some holders that are due. What has waited for too long is
// given up.
func (k *Keeper) nextTells() (due []told) {
	k.mu.Lock()
	var stale []wire.ObjectID
	for id, b := range k.burials {
		if age := unixNow() - b.began; age > tellLeases*int64(k.LeaseSeconds) {
			stale = append(stale, id)
			continue
		}
		for p, a := range b.untold {
			if len(due) < tellsAtOnce && k.awake >= a.at && (p == k.Self || k.Peers.Answers(p)) {
				due = append(due, told{id, p, b.deletion})
			}
		}
	}
	k.mu.Unlock()
	for _, id := range stale {
		k.noteTold(id, nil)
	}
	return due
}

// tell tells one holder.
func (k *Keeper) tell(ctx context.Context, t told) {
	if k.audits.Wait(ctx) != nil {
		return
	}
	bytes, err := k.Orders.TellDeleted(ctx, t.peer, t.deletion)
	var refused *transfer.Refusal
	switch {
	case ctx.Err() != nil:
		return
	case err == nil:
		k.Log.Info("custody: a holder frees what is deleted", "object", t.object.String(), "peer", t.peer.String(), "bytes", bytes)
	case errors.As(err, &refused) && (refused.Kind == transfer.RefusedNotAllowed || refused.Kind == transfer.RefusedMalformed):
		k.Log.Warn("custody: a holder does not free what is deleted", "object", t.object.String(), "peer", t.peer.String(), "error", err)
	default:
		k.mu.Lock()
		defer k.mu.Unlock()
		if b := k.burials[t.object]; b != nil && b.untold[t.peer] != nil {
			a := b.untold[t.peer]
			a.after = min(max(2*a.after, k.retryAfter()), tellRetryMax)
			a.at = k.awake + a.after
		}
		return
	}
	k.noteTold(t.object, &t.peer)
}

// noteTold writes down that a holder, or with nil everybody, need not be told any
// more. Several are told at once, and who has fewer left writes last; the burial
// ends when that is written, or bury would find an older record and begin it again.
func (k *Keeper) noteTold(id wire.ObjectID, peer *wire.PeerID) {
	k.noting.Lock()
	defer k.noting.Unlock()
	k.mu.Lock()
	b := k.burials[id]
	if b == nil {
		k.mu.Unlock()
		return
	}
	r := burialRecord{Format: burialRecordsFormat, Began: b.began}
	if peer != nil {
		delete(b.untold, *peer)
		r.Untold = sortedPeers(b.untold)
	}
	k.mu.Unlock()
	if err := write(k.Store, burialKey(id), r); err != nil {
		k.Log.Warn("custody: writing down who was told of a deletion", "object", id.String(), "error", err)
	}
	if len(r.Untold) == 0 {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(k.burials, id)
	}
}
