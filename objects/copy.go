package objects

import (
	"context"
	"errors"
	"slices"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/update"
)

// Copy makes a copy of an entry, as any version has it, and returns when all of
// it is ordered. It costs what the entries and block references below it take;
// no data moves. Both must be of one object. A file at the new name is replaced.
func (g *Gateway) Copy(ctx context.Context, from *Snapshot, e *Entry, to Dest, recursive bool, c Condition) (Change, error) {
	s, root, err := g.snapshotOf(ctx, to.Place)
	if err != nil {
		return Change{}, err
	}
	if to.Name == "" {
		to.Name = e.Name
	}
	t, err := s.target(ctx, root, to)
	if err != nil {
		return Change{}, err
	}
	if err := t.takesCopy(e, recursive, c); err != nil {
		return Change{}, err
	}
	if t.old == nil {
		c.IfAbsent = true // another writer's entry of that name must not be lost
	} else if c.IfVersion == nil {
		c.IfVersion = &s.Version
	}
	first, err := s.scoped(ctx)
	if err != nil {
		return Change{}, err
	}
	w := g.newWriter(ctx, to.Object)
	change := Change{Path: t.path()}
	if t.old != nil {
		change.Previous = t.old.Changed
	}
	change.Node, change.Key, err = (&copier{w: w, old: from, first: first}).node(e, t, c, nil)
	change.Report, err = w.finish(err)
	return change, errs.Wrap("copy", display(e.Path), err)
}

// takesCopy refuses what a copy must not replace.
func (t target) takesCopy(e *Entry, recursive bool, c Condition) error {
	switch {
	case e.IsDir() && !recursive:
		return errs.Hint(errs.New("copy", display(e.Path), errs.Usage, errors.New("it is a directory")), "add -r to copy what is in it too")
	case t.old == nil:
	case t.old.IsDir():
		return errs.New("copy", display(t.path()), errs.Conflict, errors.New("a directory of that name is there already"))
	case e.IsDir():
		return errs.New("copy", display(t.path()), errs.Conflict, errors.New("a file is in the way"))
	}
	return t.check(c)
}

// copier gives what is below an entry fresh ids and keys under another place. No
// data moves: blocks stay where they are, and only their keys are sealed again.
type copier struct {
	w   *writer
	old *Snapshot
	// renamed is told the ids that nodes had and have; nil if nobody asks.
	renamed func(was, is wire.NodeID)
	// first says that the entry of a directory comes before what is in it.
	first bool
	// before asks for changes right before the topmost entry's own; nil if
	// there are none.
	before func() error
}

// copyBytesMax bounds the references that wait for one append, in bytes: small
// blocks stand in them.
const copyBytesMax = 32 << 10

// node copies an entry and all below it to a target. Its own entry comes last, so
// that a reader sees all of it or nothing; but first where the author may write
// only below a directory, as a directory that is nowhere is not below it.
func (c *copier) node(e *Entry, t target, cond Condition, above []wire.NodeID) (wire.NodeID, envelope.NodeKey, error) {
	if len(above) > depthMax || slices.Contains(above, e.ID) {
		return wire.NodeID{}, envelope.NodeKey{}, errNested(e.Path)
	}
	id, key, err := t.node(&c.w.ids, e.Kind)
	if err != nil {
		return id, key, err
	}
	if c.renamed != nil {
		c.renamed(e.ID, id)
	}
	entry, err := t.change(c.w.g.Random, e.Kind, id, key, e.Attr, cond)
	if err != nil {
		return id, key, err
	}
	named, err := c.named(e, id, key, len(above) == 0)
	if err != nil {
		return id, key, err
	}
	fw := &fileWriter{w: c.w, key: key, secrets: key.Secrets(), id: id, under: id, self: named}
	if t.old != nil {
		fw.old, fw.replace = t.old, t.old.Kind == update.KindFile && e.Kind == update.KindFile
	}
	return id, key, c.content(e, fw, entry, append(above, e.ID))
}

func (c *copier) content(e *Entry, fw *fileWriter, entry entryChange, above []wire.NodeID) (err error) {
	if e.IsDir() && c.first {
		if err := fw.publish(entry); err != nil {
			return err
		}
	}
	dir := &Entry{Path: e.Path, Kind: update.KindDir, ID: fw.id, Key: fw.key}
	switch e.Kind {
	case update.KindFile:
		err = c.blocks(e, fw)
	case update.KindDir:
		err = c.children(e, dir, above)
	}
	if err != nil || e.IsDir() && c.first {
		return err
	}
	if c.before != nil && len(above) == 1 {
		if err := c.before(); err != nil {
			return err
		}
	}
	return fw.publish(entry)
}

// named returns a self entry for a copy of what has one, and for the topmost.
func (c *copier) named(e *Entry, id wire.NodeID, key envelope.NodeKey, top bool) (s entryChange, err error) {
	if !top {
		_, found, err := c.old.selfEntry(c.w.ctx, e.ID, e.Key)
		if err != nil || !found {
			return s, err
		}
	}
	return c.w.selfChange(e.Kind, e.Attr, id, key)
}

func (c *copier) children(e, dir *Entry, above []wire.NodeID) error {
	for child, err := range c.old.List(c.w.ctx, e) {
		if err != nil {
			return err
		}
		if _, _, err := c.node(child, target{dir: dir, name: child.Name}, Condition{}, above); err != nil {
			return err
		}
	}
	return nil
}

// blocks gives a file the blocks of another.
func (c *copier) blocks(e *Entry, fw *fileWriter) error {
	waiting := 0
	for w, err := range c.old.refs(c.w.ctx, e, 0, e.Size, func(int64) {}) {
		if err != nil {
			return err
		}
		ref, err := c.reseal(w, fw.secrets)
		if err != nil {
			return errs.Wrap("copy", display(e.Path), err)
		}
		fw.pending = append(fw.pending, &block{ref})
		fw.blocks++
		fw.size += int64(ref.Length)
		if waiting += len(ref.Sealed); len(fw.pending) >= wholeBlocksMax || waiting >= copyBytesMax {
			waiting = 0
			if err := fw.stage(true); err != nil {
				return err
			}
		}
	}
	return nil
}

// reseal returns a block reference that the keys of another file open.
func (c *copier) reseal(w wanted, secrets envelope.Secrets) (ref update.BlockRef, err error) {
	ref = w.ref
	if ref.IsInline() {
		plain, err := openInline(w)
		if err != nil {
			return ref, err
		}
		ref.Sealed, err = secrets.SealInline(c.w.g.Random, plain)
		return ref, err
	}
	key, err := w.secrets.OpenBlockKey(ref.Sealed)
	if err != nil {
		return ref, wrongKey(err)
	}
	ref.Sealed, err = secrets.SealBlockKey(c.w.g.Random, key)
	return ref, err
}
