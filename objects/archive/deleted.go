package archive

import (
	"context"
	"errors"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// Deleted is what a peer that orders an object keeps of it once its owner has
// deleted it.
type Deleted struct {
	_    struct{}      `cbor:",toarray"`
	Word []byte        // the owner's signed update
	Last wire.NodeHash // root of the last state before, whose extents are to be released
}

// NoteDeleted records, in the transaction that commits it, that an object is
// deleted.
func NoteDeleted(w kv.Writer, object wire.ObjectID, d Deleted) error {
	return w.Set(key(object, deletedClass), wire.Marshal(d))
}

// Deleted returns what NoteDeleted recorded.
func (a *Archiver) Deleted(object wire.ObjectID) (d Deleted, found bool, err error) {
	err = a.store.View(func(r kv.Reader) error { return load(r, key(object, deletedClass), &d) })
	if errors.Is(err, kv.ErrNotFound) {
		return d, false, nil
	}
	return d, err == nil, errs.Wrap("read deletion", object.String(), err)
}

// forgetsAtOnce keeps an update that deletes within the store's limits.
const forgetsAtOnce = kv.UpdateEntriesMax / 4

// Forget ends the archiving of a deleted object: nothing is pending any more,
// and which node lies in which extent is not kept. Its Hint stays, for it leads
// to the holders that are still to be told. It may be called again.
func (a *Archiver) Forget(ctx context.Context, object wire.ObjectID) error {
	leave, err := a.enter(ctx, object)
	if err != nil {
		return errs.Wrap("forget archive", object.String(), err)
	}
	defer leave()
	for _, class := range []byte{pendingClass, nodesClass} {
		for more := true; more && err == nil; {
			more, err = a.forgetPart(key(object, class))
		}
	}
	return errs.Wrap("forget archive", object.String(), err)
}

func (a *Archiver) forgetPart(prefix []byte) (more bool, err error) {
	var keys [][]byte
	err = a.store.View(func(r kv.Reader) error {
		return r.Scan(prefix, nil, true, func(k, _ []byte) (bool, error) {
			keys = append(keys, append([]byte(nil), k...))
			return len(keys) < forgetsAtOnce, nil
		})
	})
	if err != nil || len(keys) == 0 {
		return false, err
	}
	err = a.store.Update(func(w kv.Writer) error {
		for _, k := range keys {
			if err := w.Delete(k); err != nil {
				return err
			}
		}
		return nil
	})
	return len(keys) == forgetsAtOnce, err
}
