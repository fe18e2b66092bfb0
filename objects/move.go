package objects

import (
	"context"
	"errors"
	"strings"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/update"
)

// staleTriesMax is how often a change is tried again on a newer version because
// another writer was faster.
const staleTriesMax = 8

// again tries a change until the ring does not refuse any more what the snapshot
// allowed.
func again(try func() (c Change, stale bool, err error)) (c Change, err error) {
	for range staleTriesMax {
		var stale bool
		if c, stale, err = try(); !stale {
			break
		}
	}
	return c, err
}

// Move gives an entry another name, in another directory if need be, and returns
// when that is ordered: one update, whatever hangs below. It keeps its id and
// key, so references to it stay good. What is at the new name is replaced, unless
// it is a directory that is not empty.
func (g *Gateway) Move(ctx context.Context, from Place, path string, to Dest, c Condition) (Change, error) {
	return again(func() (Change, bool, error) { return g.tryMove(ctx, from, path, to, c) })
}

func (g *Gateway) tryMove(ctx context.Context, from Place, path string, to Dest, c Condition) (change Change, stale bool, err error) {
	s, root, err := g.snapshotOf(ctx, from)
	if err != nil {
		return change, false, err
	}
	m := move{s: s}
	if m.src, err = s.existing(ctx, root, path); err != nil {
		return change, false, err
	}
	if to.Name == "" {
		to.Name = m.src.name
	}
	if m.root, err = s.Place(ctx, to.Place); err != nil {
		return change, false, err
	}
	if m.dst, err = s.target(ctx, m.root, to); err != nil {
		return change, false, err
	}
	if err := m.check(c); err != nil {
		return change, false, err
	}
	w := g.newWriter(ctx, from.Object)
	err = m.write(w)
	stale = err == nil
	change = Change{Path: m.dst.path(), Node: m.src.old.ID, Key: m.src.old.Key, Previous: m.src.old.Changed}
	change.Report, err = w.finish(err)
	return change, stale && errs.KindOf(err) == errs.Conflict, errs.Wrap("move", display(path), err)
}

// existing finds an entry that is to be taken out of its directory.
func (s *Snapshot) existing(ctx context.Context, root *Entry, path string) (target, error) {
	if path = strings.Trim(path, "/"); path == "" {
		return target{}, errs.New("look up", "/", errs.Usage, errors.New("this is what the reference names; it has no directory above it"))
	}
	t, err := s.entryAt(ctx, root, path)
	if err == nil && t.old == nil {
		_, err = s.Lookup(ctx, root, path) // says what is missing
	}
	return t, err
}

// move is a change of an entry's name.
type move struct {
	s        *Snapshot
	src, dst target
	root     *Entry // above dst
}

// check refuses what cannot be, or what the user did not mean.
func (m *move) check(c Condition) error {
	src, dst := m.src.old, m.dst.old
	conflict := func(cause string) error {
		return errs.New("move", display(m.src.path()), errs.Conflict, errors.New(cause))
	}
	switch {
	case m.src.dir.ID == m.dst.dir.ID && m.src.name == m.dst.name:
		return conflict("that is its name already")
	case c.IfVersion != nil && src.Changed > *c.IfVersion:
		return m.src.check(c)
	case dst == nil:
		return nil
	case c.IfAbsent:
		return m.dst.check(Condition{IfAbsent: true})
	case src.IsDir() && !dst.IsDir():
		return conflict("a file is in the way at " + display(m.dst.path()))
	case dst.IsDir() && !src.IsDir():
		return conflict("a directory is in the way at " + display(m.dst.path()))
	}
	return nil
}

// write asks for the move as one change. It holds only if the entry, and
// whatever was at the new name, are what the snapshot shows; that of a directory
// also only if all directories above the new name are where they were, so that
// two moves cannot make a cycle.
func (m *move) write(w *writer) error {
	src, dst := m.src.old, m.dst.old
	entry, err := m.dst.change(w.g.Random, src.Kind, src.ID, src.Key, src.Attr, Condition{})
	if err != nil {
		return err
	}
	must, err := m.must(w.ctx)
	if err != nil {
		return err
	}
	from := m.src.key()
	w.then(func(wire.Version) update.Clause {
		var all []update.Action
		if dst != nil {
			all = append(all, taken(m.dst)...)
		}
		all = append(all, update.Set(entry.key, entry.value), update.Delete(from))
		return update.Clause{Predicates: must, Actions: all}
	})
	return nil
}

func (m *move) must(ctx context.Context) (must []update.Predicate, err error) {
	ends := []target{m.src, m.dst}
	if m.src.old.IsDir() {
		above, err := m.above(ctx)
		if err != nil {
			return nil, err
		}
		ends = append(ends, above...)
		if m.dst.old != nil {
			must = append(must, emptyBut(m.dst.old)...)
		}
	}
	must = append(must, m.dst.sameSize()...)
	for _, t := range ends {
		p, err := m.s.unchanged(ctx, t)
		if err != nil {
			return nil, err
		}
		must = append(must, p)
	}
	return must, nil
}

// above returns the entries that lead from the root to the directory of the new
// name. The error is of kind Usage if the directory itself is among them.
func (m *move) above(ctx context.Context) (chain []target, err error) {
	at := m.root
	below := strings.TrimPrefix(strings.TrimPrefix(m.dst.dir.Path, m.root.Path), "/")
	for name := range strings.SplitSeq(below, "/") {
		if at.ID == m.src.old.ID {
			return nil, errs.New("move", display(m.src.path()), errs.Usage, errors.New("a directory cannot go into itself"))
		}
		if name == "" {
			break
		}
		next, found, err := m.s.child(ctx, at, name)
		if err != nil || !found {
			return nil, err
		}
		chain, at = append(chain, target{dir: at, name: name, old: next}), next
	}
	if at.ID == m.src.old.ID {
		return nil, errs.New("move", display(m.src.path()), errs.Usage, errors.New("a directory cannot go into itself"))
	}
	return chain, nil
}

// key is the key of the entry that a target means.
func (t target) key() []byte {
	return update.DirEntryKey(t.dir.ID, t.dir.Key.Secrets().SealName(t.dir.ID, t.name))
}

// unchanged holds while a target is what the snapshot shows.
func (s *Snapshot) unchanged(ctx context.Context, t target) (update.Predicate, error) {
	key := t.key()
	if t.old == nil {
		return update.KeyAbsent(key), nil
	}
	raw, _, err := s.state.Get(ctx, key)
	return update.KeyEquals(key, raw.Value), err
}

// taken returns the actions that take away what stands at a target: a directory
// only if nothing is in it.
func taken(t target) []update.Action {
	self := update.Delete(selfKey(t.old.ID, t.old.Key.Secrets()))
	all := []update.Action{update.Delete(t.key()), self}
	if t.old.Kind == update.KindFile {
		all = append(all, update.DeleteFile(t.old.ID))
	}
	return all
}
