package objects

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/update"
)

// mkdirTriesMax is how often a directory is tried again because another writer
// made one of those above it meanwhile.
const mkdirTriesMax = 8

// Mkdir makes a directory and returns when it is ordered. With parents it makes
// those above it too, and what exists is no error.
func (g *Gateway) Mkdir(ctx context.Context, p Place, path string, attr envelope.Attr, parents bool) (c Change, err error) {
	for range mkdirTriesMax {
		var stale bool
		c, stale, err = g.tryMkdir(ctx, p, path, attr, parents)
		if !stale || !parents {
			break
		}
	}
	return c, err
}

// tryMkdir is stale if the ring refused what the snapshot allowed.
func (g *Gateway) tryMkdir(ctx context.Context, p Place, path string, attr envelope.Attr, parents bool) (c Change, stale bool, err error) {
	s, root, err := g.snapshotOf(ctx, p)
	if err != nil {
		return Change{}, false, err
	}
	w := g.newWriter(ctx, p.Object)
	c, err = w.mkdir(s, root, path, attr, parents)
	stale = err == nil
	c.Report, err = w.finish(err)
	stale = stale && errs.KindOf(err) == errs.Conflict
	return c, stale, errs.Wrap("make directory", display(path), err)
}

func (w *writer) mkdir(s *Snapshot, root *Entry, path string, attr envelope.Attr, parents bool) (Change, error) {
	names := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	switch {
	case !root.IsDir():
		return Change{}, errs.New("make directory", display(path), errs.Conflict, errors.New("the reference names a file"))
	case len(names) == 0 && !parents:
		return Change{}, errs.New("make directory", "/", errs.Conflict, errors.New("it exists"))
	}
	at, fresh := root, false
	change := Change{Path: at.Path, Node: at.ID, Key: at.Key, Previous: at.Changed}
	for i, name := range names {
		t := target{dir: at, name: name}
		last := i == len(names)-1
		if err := t.resolve(w.ctx, s, fresh); err != nil {
			return change, err
		}
		switch {
		case t.old == nil && !last && !parents:
			return change, errs.Hint(errs.New("look up", display(t.path()), errs.NotFound, nil), "add --parents to make it too")
		case t.old != nil && last && !parents:
			return change, errs.New("make directory", display(t.path()), errs.Conflict, errors.New("it exists"))
		case t.old != nil && !t.old.IsDir():
			return change, errs.New("make directory", display(t.path()), errs.Conflict, errors.New("it is not a directory"))
		}
		dir, err := w.directory(s, t, attr, last)
		if err != nil {
			return change, err
		}
		at, fresh, change.Previous = dir, t.old == nil, dir.Changed
		change.Path, change.Node, change.Key = at.Path, at.ID, at.Key
	}
	return change, nil
}

// directory makes a directory, or names the one that is there.
func (w *writer) directory(s *Snapshot, t target, attr envelope.Attr, named bool) (*Entry, error) {
	f := File{Kind: update.KindDir, Attr: attr, Named: named, Condition: Condition{IfAbsent: true}}
	if t.old != nil {
		_, known, err := s.selfEntry(w.ctx, t.old.ID, t.old.Key)
		if known || !named || err != nil {
			return t.old, err
		}
		f.Attr, f.Condition = t.old.Attr, Condition{}
	}
	id, key, _, err := w.put(s, envelope.Secrets{}, t, f, nil)
	e := &Entry{Path: t.path(), Kind: update.KindDir, ID: id, Key: key}
	if t.old != nil {
		e.Changed = t.old.Changed
	}
	return e, err
}

// resolve finds what stands at a target; in a fresh directory nothing does.
func (t *target) resolve(ctx context.Context, s *Snapshot, fresh bool) error {
	if err := envelope.CheckName(t.name); err != nil {
		return errs.New("look up", display(t.path()), errs.Usage, err)
	}
	if fresh {
		return nil
	}
	old, found, err := s.child(ctx, t.dir, t.name)
	if found {
		t.old = old
	}
	return err
}

// Remove takes an entry out of its directory and returns when that is ordered.
// Earlier versions keep it. The entry goes first and alone, so that a reader
// sees all of a tree or nothing of it; then its content.
func (g *Gateway) Remove(ctx context.Context, p Place, path string, recursive bool, ifVersion *wire.Version) (Change, error) {
	s, root, err := g.snapshotOf(ctx, p)
	if err != nil {
		return Change{}, err
	}
	path = strings.Trim(path, "/")
	if path == "" {
		return Change{}, errs.New("remove", "/", errs.Usage, errors.New("this is what the reference names; it has no directory above it"))
	}
	t, err := s.entryAt(ctx, root, path)
	if err == nil && t.old == nil {
		_, err = s.Lookup(ctx, root, path) // says what is missing
	}
	if err != nil {
		return Change{}, err
	}
	if err := t.check(Condition{IfVersion: ifVersion}); err != nil {
		return Change{}, err
	}
	w := g.newWriter(ctx, p.Object)
	change := Change{Path: path, Node: t.old.ID, Key: t.old.Key, Previous: t.old.Changed}
	change.Report, err = w.finish(w.remove(s, t, recursive, ifVersion))
	return change, errs.Wrap("remove", display(path), err)
}

func (w *writer) remove(s *Snapshot, t target, recursive bool, ifVersion *wire.Version) error {
	key := t.key()
	var must []update.Predicate
	if ifVersion != nil {
		must = append(must, t.unchangedSince(*ifVersion)...)
	}
	if t.old.IsDir() && !recursive {
		must = append(must, emptyBut(t.old)...)
		for _, err := range s.List(w.ctx, t.old) {
			if err != nil {
				return err
			}
			return errs.Hint(errs.New("remove", display(t.path()), errs.Conflict, errors.New("the directory is not empty")), "add -r to remove what is in it too")
		}
	}
	w.then(func(wire.Version) update.Clause {
		return update.Clause{Predicates: must, Actions: []update.Action{update.Delete(key)}}
	})
	return w.removeContent(s, t.old, nil)
}

// removeContent takes away what nothing names any more, from below: until a
// directory is empty, the way up from what is in it is still there, and tells the
// ring that its author may write there.
func (w *writer) removeContent(s *Snapshot, e *Entry, above []wire.NodeID) error {
	if e.Kind != update.KindDir {
		w.act(update.Delete(selfKey(e.ID, e.Key.Secrets())))
		if e.Kind == update.KindFile {
			w.act(update.DeleteFile(e.ID))
		}
		return nil
	}
	if len(above) > depthMax {
		return errNested(e.Path)
	}
	if slices.Contains(above, e.ID) {
		return nil // its own descendant: it is being removed already
	}
	for child, err := range s.List(w.ctx, e) {
		switch {
		case err != nil:
			return err
		case child.IsDir():
			if err := w.removeContent(s, child, append(above, e.ID)); err != nil {
				return err
			}
		default:
			w.act(update.Delete(selfKey(child.ID, child.Key.Secrets())))
		}
	}
	w.act(update.DeleteRange(update.DirRange(e.ID)))
	return w.removeFiles(s, e)
}

// removeFiles deletes the files of a directory that has been emptied.
func (w *writer) removeFiles(s *Snapshot, dir *Entry) error {
	lo, hi := update.DirRange(dir.ID)
	for raw, err := range s.state.Scan(w.ctx, lo, hi) {
		if err != nil {
			return err
		}
		entry, err := update.ParseDirEntry(raw.Value)
		if err != nil {
			return errs.New("read directory", display(dir.Path), errs.Damaged, err)
		}
		if entry.Kind == update.KindFile {
			w.act(update.DeleteFile(entry.Child))
		}
	}
	return nil
}

func (w *writer) act(a update.Action) {
	w.then(func(wire.Version) update.Clause { return update.Clause{Actions: []update.Action{a}} })
}
