package objects

import (
	"context"
	"slices"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/update"
)

// A directory entry says what its child is, under the directory's key. A bare
// reference to a child opens nothing above it, so a node that references are
// given for also has a self entry: the same, under its own id and key, with a
// name that nothing in a directory can have. It is written for what a put names
// and kept up from then on.

// selfName is the name of a self entry.
const selfName = "."

func selfKey(id wire.NodeID, secrets envelope.Secrets) []byte {
	return update.DirEntryKey(id, secrets.SealName(id, selfName))
}

// selfEntry returns the self entry of a node, if it has one.
func (s *Snapshot) selfEntry(ctx context.Context, id wire.NodeID, key envelope.NodeKey) (e *Entry, found bool, err error) {
	secrets := key.Secrets()
	raw, found, err := s.state.Get(ctx, selfKey(id, secrets))
	if err != nil || !found {
		return nil, false, err
	}
	value, err := update.ParseDirEntry(raw.Value)
	if err != nil {
		return nil, false, errs.New("read entry", id.String(), errs.Damaged, err)
	}
	e = &Entry{Kind: value.Kind, ID: id, Key: key, Changed: raw.Changed}
	if e.Attr, err = secrets.OpenAttr(id, value.SealedAttr); err != nil {
		return nil, false, errs.New("open entry", id.String(), errs.Refused, err)
	}
	return e, true, nil
}

// self returns the self entry for what is put at a target, if it is to have
// one.
func (w *writer) self(s *Snapshot, t target, f File, id wire.NodeID, key envelope.NodeKey) (c entryChange, err error) {
	wanted := f.Named
	if !wanted && t.old != nil && t.old.ID == id {
		_, wanted, err = s.selfEntry(w.ctx, id, key)
	}
	if err != nil || !wanted {
		return c, err
	}
	return w.selfChange(f.Kind, f.Attr, id, key)
}

// selfChange returns the self entry of a node.
func (w *writer) selfChange(kind update.EntryKind, attr envelope.Attr, id wire.NodeID, key envelope.NodeKey) (c entryChange, err error) {
	secrets := key.Secrets()
	value := update.DirEntry{Kind: kind, Child: id}
	if value.SealedAttr, err = secrets.SealAttr(w.g.Random, id, attr); err != nil {
		return c, err
	}
	return entryChange{key: selfKey(id, secrets), value: value.Encode()}, nil
}

// emptyBut returns predicates that hold if a directory has no entry but its
// self entry.
func emptyBut(dir *Entry) []update.Predicate {
	lo, hi := update.DirRange(dir.ID)
	self := selfKey(dir.ID, dir.Key.Secrets())
	return []update.Predicate{update.RangeEmpty(lo, self), update.RangeEmpty(slices.Concat(self, []byte{0}), hi)}
}
