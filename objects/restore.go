package objects

import (
	"context"
	"errors"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/update"
)

// Restore makes an entry, and all below it, what it was in an earlier version,
// and returns when all of it is ordered. No data moves. What was removed since
// comes back under its old id and key, so that old references work again; what
// came since is removed. It costs what differs. An entry that another writer
// changes meanwhile is a conflict.
func (g *Gateway) Restore(ctx context.Context, p Place, path string, old *Snapshot) (Change, error) {
	s, root, err := g.snapshotOf(ctx, p)
	if err != nil {
		return Change{}, err
	}
	oldRoot, err := old.Place(ctx, p)
	if err != nil {
		return Change{}, err
	}
	was, err := old.Lookup(ctx, oldRoot, path)
	if err != nil {
		return Change{}, errs.Hint(err, "what did not exist then can be removed with peerctl rm")
	}
	t := target{old: root}
	if path != "" {
		if t, err = s.entryAt(ctx, root, path); err != nil {
			return Change{}, err
		}
	} else if root.IsDir() != was.IsDir() {
		return Change{}, errs.New("restore", "/", errs.Conflict, errors.New("the reference names something of another kind now"))
	}
	r := &restorer{old: old, now: s}
	if r.first, err = s.scoped(ctx); err != nil {
		return Change{}, err
	}
	w := g.newWriter(ctx, p.Object)
	r.w = w
	change := Change{Path: path, Node: was.ID, Key: was.Key}
	if t.old != nil {
		change.Previous = t.old.Changed
	}
	err = r.start(ctx)
	if err == nil {
		err = r.entry(was, t)
	}
	change.Report, err = w.finish(err)
	return change, errs.Wrap("restore", display(path), err)
}

// restorer brings entries back.
type restorer struct {
	w        *writer
	old, now *Snapshot
	first    bool // the entry of a directory comes before what is in it
	// dirty are the directories in or below which something differs.
	dirty map[wire.NodeID]bool
}

// start finds out where something differs.
func (r *restorer) start(ctx context.Context) error {
	changed, err := changedDirs(ctx, r.old, r.now)
	if err != nil {
		return err
	}
	r.dirty = make(map[wire.NodeID]bool)
	for dir := range changed {
		for _, s := range []*Snapshot{r.old, r.now} {
			if err := r.mark(ctx, s, dir); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *restorer) mark(ctx context.Context, s *Snapshot, id wire.NodeID) error {
	for range depthMax {
		r.dirty[id] = true
		p, found, err := update.ReadParent(ctx, s.state, id)
		if err != nil || !found {
			return err
		}
		id = p.Dir
	}
	return nil
}

// clean reports whether nothing differs in a directory or below it. Where no
// parent is known, directories may differ below one that seems clean.
func (r *restorer) clean(dir *Entry) (bool, error) {
	if r.dirty[dir.ID] {
		return false, nil
	}
	_, known, err := update.ReadParent(r.w.ctx, r.now.state, dir.ID)
	return known, err
}

// entry makes what stands at a target what it was. An entry that is not to be
// found now is the target's own concern: its predicate says so.
func (r *restorer) entry(was *Entry, t target) error {
	switch {
	case was.Kind == update.KindDir:
		return r.dir(was, t)
	case t.dir == nil:
		return errs.Hint(errs.New("restore", "/", errs.Usage, errors.New("a reference to a file has no directory that it could be restored in")), "name it by the directory above it")
	case was.Kind == update.KindFile:
		return r.file(was, t)
	}
	if t.old != nil && t.old.Kind == was.Kind && t.old.Attr == was.Attr {
		return nil
	}
	return r.replace(was, t, nil, r.guarded(t))
}

// guarded is the condition that nobody else changed the target meanwhile.
func (r *restorer) guarded(t target) Condition {
	if t.old == nil {
		return Condition{IfAbsent: true}
	}
	return Condition{IfVersion: &r.now.Version}
}

// file brings a file back: its blocks as that version had them, in one action.
func (r *restorer) file(was *Entry, t target) error {
	if t.old != nil && t.old.ID == was.ID {
		same, err := (&diff{old: r.old, new: r.now}).sameContent(r.w.ctx, was, t.old)
		if err != nil || same && t.old.Attr == was.Attr {
			return err
		}
		return r.replace(was, t, r.blocks(was), r.guarded(t))
	}
	info, _, found, err := r.now.fileInfo(r.w.ctx, was.ID)
	if err != nil {
		return err
	}
	if found && info.Links > 0 { // it lives on elsewhere, with what was written since
		return r.fresh(was, t)
	}
	return r.replace(was, t, append([]update.Action{update.DeleteFile(was.ID)}, r.blocks(was)...), r.guarded(t))
}

func (r *restorer) blocks(was *Entry) []update.Action {
	return []update.Action{update.CopyFile(was.ID, was.ID, r.old.Version)}
}

// fresh makes a copy with an id of its own.
func (r *restorer) fresh(was *Entry, t target) error {
	cond, err := r.clear(&t)
	if err != nil {
		return err
	}
	_, _, err = (&copier{w: r.w, old: r.old, first: r.first}).node(was, t, cond, nil)
	return err
}

// clear takes away what stands at a target, and returns the condition for what
// comes there: where something is taken away, that has one itself, and the two
// may be parts of one update, whose conditions are all judged before it.
func (r *restorer) clear(t *target) (Condition, error) {
	cond := r.guarded(*t)
	if t.old == nil {
		return cond, nil
	}
	if err := r.remove(*t, cond); err != nil {
		return cond, err
	}
	t.old = nil
	return Condition{}, nil
}

// remove takes an entry and all below it away.
func (r *restorer) remove(t target, cond Condition) error {
	key := t.key()
	r.w.then(func(wire.Version) update.Clause {
		return update.Clause{
			Predicates: t.unchangedSince(*cond.IfVersion), Actions: []update.Action{update.Delete(key)},
		}
	})
	return r.w.removeContent(r.now, t.old, nil)
}

// replace sets the entry of a target to what it was, with actions that bring its
// content.
func (r *restorer) replace(was *Entry, t target, content []update.Action, cond Condition) (err error) {
	if t.old != nil && t.old.IsDir() && was.Kind != update.KindDir {
		if cond, err = r.clear(&t); err != nil {
			return err
		}
	}
	entry, err := t.change(r.w.g.Random, was.Kind, was.ID, was.Key, was.Attr, cond)
	if err != nil {
		return err
	}
	self, err := r.self(was, t)
	if err != nil {
		return err
	}
	r.w.then(func(wire.Version) update.Clause {
		var all []update.Action
		if t.old != nil && !t.old.IsDir() {
			all = taken(t)
		}
		all = append(append(all, content...), update.Set(entry.key, entry.value))
		if self.key != nil {
			all = append(all, update.Set(self.key, self.value))
		}
		return update.Clause{Predicates: entry.predicates, Actions: all}
	})
	return nil
}

// self returns the self entry of what had one then, or has one now.
func (r *restorer) self(was *Entry, t target) (entryChange, error) {
	_, named, err := r.old.selfEntry(r.w.ctx, was.ID, was.Key)
	if err == nil && !named && t.old != nil && t.old.ID == was.ID {
		_, named, err = r.now.selfEntry(r.w.ctx, was.ID, was.Key)
	}
	if err != nil || !named {
		return entryChange{}, err
	}
	return r.w.selfChange(was.Kind, was.Attr, was.ID, was.Key)
}

// dir brings a directory back.
func (r *restorer) dir(was *Entry, t target) error {
	if t.old != nil && t.old.ID == was.ID && t.old.IsDir() {
		return r.merge(was, t)
	}
	there, err := r.now.any(r.w.ctx, was.ID, was.ID)
	if err != nil {
		return err
	}
	if there {
		return r.fresh(was, t) // it lives on elsewhere
	}
	cond, err := r.clear(&t)
	if err != nil {
		return err
	}
	if r.first {
		if err := r.replace(was, t, nil, cond); err != nil {
			return err
		}
	}
	for child, err := range r.old.List(r.w.ctx, was) {
		if err != nil {
			return err
		}
		if err := r.entry(child, target{dir: was, name: child.Name}); err != nil {
			return err
		}
	}
	if r.first {
		return nil
	}
	return r.replace(was, t, nil, cond)
}

// merge makes a directory that is there what it was.
func (r *restorer) merge(was *Entry, t target) error {
	if t.dir != nil && t.old.Attr != was.Attr {
		if err := r.replace(was, t, nil, r.guarded(t)); err != nil {
			return err
		}
	}
	if clean, err := r.clean(t.old); clean || err != nil {
		return err
	}
	names := make(map[string]bool)
	for child, err := range r.old.List(r.w.ctx, was) {
		if err != nil {
			return err
		}
		names[child.Name] = true
		at := target{dir: t.old, name: child.Name}
		if err := at.resolve(r.w.ctx, r.now, false); err != nil {
			return err
		}
		if err := r.entry(child, at); err != nil {
			return err
		}
	}
	for child, err := range r.now.List(r.w.ctx, t.old) {
		if err != nil {
			return err
		}
		if names[child.Name] {
			continue
		}
		at := target{dir: t.old, name: child.Name, old: child}
		if err := r.remove(at, r.guarded(at)); err != nil {
			return err
		}
	}
	return nil
}
