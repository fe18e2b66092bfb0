package objects

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/update"
)

// Place is what a reference opens: a node of an object, and below it.
type Place struct {
	Object wire.ObjectID
	Node   wire.NodeID
	Key    envelope.NodeKey
	Root   bool // it is the volume's root, which is there even while it is empty
}

// Condition is what a change asks of the entry that it changes.
type Condition struct {
	IfAbsent  bool
	IfVersion *wire.Version // not changed after this version
}

// target is a name in a directory, and what stands there now.
type target struct {
	dir  *Entry // nil for a place itself, which nothing above is known of
	name string
	old  *Entry // nil if the name is free
}

// entryChange is a directory entry to be set.
type entryChange struct {
	key, value []byte
	predicates []update.Predicate
}

// Dest is where something is put: a path below a place, or with Into, or if the
// path names a directory, Name in that directory.
type Dest struct {
	Place
	Path string
	Into bool
	Name string
}

// target finds the directory and the name that a destination means.
func (s *Snapshot) target(ctx context.Context, root *Entry, d Dest) (t target, err error) {
	path, name := d.Path, d.Name
	if !d.Into && path != "" {
		if t, err = s.entryAt(ctx, root, path); err != nil {
			return t, err
		}
		if t.old == nil || !t.old.IsDir() || name == "" {
			return t, nil
		}
	}
	if name == "" {
		return t, errs.New("put", display(path), errs.Usage, fmt.Errorf("what is put there needs a name"))
	}
	return s.entryAt(ctx, root, join(path, name))
}

// entryAt finds the directory that holds path, which must exist, and the entry
// in it, which need not.
func (s *Snapshot) entryAt(ctx context.Context, root *Entry, path string) (t target, err error) {
	parent, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		parent, name = path[:i], path[i+1:]
	}
	if err := envelope.CheckName(name); err != nil {
		return t, errs.New("put", display(path), errs.Usage, err)
	}
	if t.dir, err = s.Lookup(ctx, root, parent); err != nil {
		return t, errs.Hint(err, "make the directory first, with peerctl mkdir --parents")
	}
	if !t.dir.IsDir() {
		return t, errs.New("put", display(path), errs.NotFound, fmt.Errorf("%s is not a directory", display(parent)))
	}
	t.name = name
	old, found, err := s.child(ctx, t.dir, name)
	if found {
		t.old = old
	}
	return t, err
}

func (t target) path() string {
	if t.dir == nil {
		return ""
	}
	return join(t.dir.Path, t.name)
}

// check compares the condition with what this snapshot shows, so that nothing
// is sent in vain. The predicates repeat it in the ring.
func (t target) check(c Condition) error {
	switch {
	case c.IfVersion != nil && t.dir == nil:
		return errs.New("put", "/", errs.Usage, fmt.Errorf("this is what the reference names, not an entry of a directory: it has no version of its own"))
	case c.IfAbsent && t.old != nil:
		return errs.New("put", display(t.path()), errs.Conflict, fmt.Errorf("it exists, since version %d", t.old.Changed))
	case c.IfVersion != nil && t.old != nil && t.old.Changed > *c.IfVersion:
		return errs.New("put", display(t.path()), errs.Conflict, fmt.Errorf("it changed in version %d, after %d", t.old.Changed, *c.IfVersion))
	}
	return nil
}

// node returns the id and key of what will stand at the target: those of an
// entry of the same kind, so that references to it stay good, or fresh ones.
func (t target) node(fresh *nodeIDs, kind update.EntryKind) (id wire.NodeID, key envelope.NodeKey, err error) {
	if t.old != nil && t.old.Kind == kind {
		return t.old.ID, t.old.Key, nil
	}
	if id, err = fresh.next(); err == nil {
		_, err = io.ReadFull(fresh.random, key[:])
	}
	return id, key, errs.Wrap("choose node id", "", err)
}

// change returns the directory entry for a node at the target.
func (t target) change(random io.Reader, kind update.EntryKind, id wire.NodeID, key envelope.NodeKey, attr envelope.Attr, c Condition) (e entryChange, err error) {
	secrets := t.dir.Key.Secrets()
	e.key = update.DirEntryKey(t.dir.ID, secrets.SealName(t.dir.ID, t.name))
	value := update.DirEntry{Kind: kind, Child: id}
	if value.SealedKey, err = secrets.SealChildKey(random, id, key); err != nil {
		return e, err
	}
	if value.SealedAttr, err = secrets.SealAttr(random, id, attr); err != nil {
		return e, err
	}
	e.value = value.Encode()
	if c.IfAbsent {
		e.predicates = append(e.predicates, update.KeyAbsent(e.key))
	}
	if c.IfVersion != nil {
		e.predicates = append(e.predicates, t.unchangedSince(*c.IfVersion)...)
	}
	return e, nil
}

// unchangedSince holds if the target has not changed after a version, given that
// the snapshot shows no later change. Appends do not change a file's entry, but
// its size.
func (t target) unchangedSince(v wire.Version) []update.Predicate {
	return append([]update.Predicate{update.KeyUnchanged(t.key(), v)}, t.sameSize()...)
}

// sameSize holds if nothing was appended to what is at the target.
func (t target) sameSize() []update.Predicate {
	if t.old == nil || t.old.Kind != update.KindFile {
		return nil
	}
	return []update.Predicate{update.FileSize(t.old.ID, uint64(t.old.Size))}
}
