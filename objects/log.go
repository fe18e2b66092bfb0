package objects

import (
	"context"
	"iter"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/tree"
	"github.com/atollnet/atoll/objects/update"
)

// Log yields the versions in which the entry at a path, or anything below it,
// changed; newest first. With all it yields every version. Its cost grows with
// what changed in the history, not with what is there.
func (s *Snapshot) Log(ctx context.Context, root *Entry, path string, all bool) iter.Seq2[VersionInfo, error] {
	return s.LogAfter(ctx, root, path, all, 0)
}

// LogAfter is Log for the versions after one, and looks at no more than these and
// the one before them.
func (s *Snapshot) LogAfter(ctx context.Context, root *Entry, path string, all bool, after wire.Version) iter.Seq2[VersionInfo, error] {
	return func(yield func(VersionInfo, error) bool) {
		var later *past // of the version after, which is yielded if it differs
		for v, err := range s.Versions(ctx) {
			if err != nil {
				yield(v, err)
				return
			}
			early := after > 0 && v.Version <= after
			if early && (all || later == nil) {
				return
			}
			if all {
				if !yield(v, nil) {
					return
				}
				continue
			}
			if !v.Content {
				continue
			}
			now, err := s.past(ctx, v, root, path)
			changed := false
			if err == nil && later != nil {
				changed, err = later.differs(ctx, now)
			}
			if err != nil {
				yield(v, err)
				return
			}
			if changed && !yield(later.info, nil) || early {
				return
			}
			later = now
		}
		if later != nil && later.entry != nil {
			yield(later.info, nil)
		}
	}
}

// past is what an entry was in one version.
type past struct {
	info  VersionInfo
	s     *Snapshot
	root  wire.NodeID // what the reference names
	entry *Entry      // nil: there was none
	whole bool        // it is the whole volume
}

func (s *Snapshot) past(ctx context.Context, v VersionInfo, root *Entry, path string) (*past, error) {
	at, err := s.At(ctx, v.Version)
	if err != nil {
		return nil, err
	}
	p := &past{info: v, s: at, root: root.ID}
	p.entry, p.whole, err = at.logged(ctx, root, path)
	if errs.KindOf(err) == errs.NotFound {
		p.entry, err = nil, nil
	}
	return p, err
}

// logged finds the entry whose history is asked for. The node of a reference
// without a self entry is taken for the whole volume's.
func (s *Snapshot) logged(ctx context.Context, root *Entry, path string) (e *Entry, whole bool, err error) {
	if path != "" {
		e, err = s.Lookup(ctx, root, path)
		return e, false, err
	}
	e, found, err := s.selfEntry(ctx, root.ID, root.Key)
	if found || err != nil {
		return e, false, err
	}
	e, err = s.Node(ctx, root.ID, root.Key)
	return e, true, err
}

// differs reports whether the entry, or anything below it, changed since an
// earlier version.
func (p *past) differs(ctx context.Context, before *past) (bool, error) {
	a, b := before.entry, p.entry
	switch {
	case a == nil && b == nil:
		return false, nil
	case a == nil || b == nil || a.ID != b.ID || a.Kind != b.Kind:
		return true, nil
	case p.whole && before.whole:
		return true, nil
	case a.Changed != b.Changed:
		return true, nil
	case b.Kind == update.KindFile:
		return p.rewritten(ctx, before)
	case b.IsDir():
		return p.touched(ctx, before)
	}
	return false, nil
}

// rewritten reports whether a file changed without its entry.
func (p *past) rewritten(ctx context.Context, before *past) (bool, error) {
	lo, hi := update.BlockRange(p.entry.ID)
	for _, err := range tree.Diff(ctx, before.s.state, p.s.state, lo, hi) {
		return err == nil, err
	}
	return false, nil
}

// touched reports whether a directory or file below the entry is among those
// that differ. Older releases kept no parents; where one is missing, all below
// the entry is looked at.
func (p *past) touched(ctx context.Context, before *past) (bool, error) {
	dirs, err := changedDirs(ctx, before.s, p.s)
	if err != nil {
		return false, err
	}
	lost := false
	for dir := range dirs {
		rooted := false
		for _, s := range []*Snapshot{p.s, before.s} {
			found, end, err := s.climb(ctx, dir, p.entry.ID)
			if found || err != nil {
				return found, err
			}
			rooted = rooted || end == p.root
		}
		lost = lost || !rooted
	}
	if !lost {
		return false, nil
	}
	if _, nested, err := update.ReadParent(ctx, p.s.state, p.root); nested || err != nil {
		return false, err // what ends elsewhere is outside of the reference
	}
	return p.differsBelow(ctx, before)
}

// changedDirs returns the directories in which an entry, or the content of a
// file, differs.
func changedDirs(ctx context.Context, old, new *Snapshot) (map[wire.NodeID]bool, error) {
	dirs := make(map[wire.NodeID]bool)
	lo, hi := update.AllDirs()
	for c, err := range tree.Diff(ctx, old.state, new.state, lo, hi) {
		if err != nil {
			return nil, err
		}
		dir, _, err := update.ParseDirEntryKey(c.Key)
		if err != nil {
			return nil, errs.New("compare versions", "", errs.Damaged, err)
		}
		dirs[dir] = true
	}
	files, err := changedFiles(ctx, old, new)
	if err != nil {
		return nil, err
	}
	for _, id := range files {
		where, found, err := update.ReadParent(ctx, new.state, id)
		if err != nil {
			return nil, err
		}
		if found {
			dirs[where.Dir] = true
		}
	}
	return dirs, nil
}

// climb reports whether a node is, or lies below, another, and where it ended
// if not.
func (s *Snapshot) climb(ctx context.Context, from, to wire.NodeID) (found bool, end wire.NodeID, err error) {
	for range depthMax {
		if from == to {
			return true, from, nil
		}
		p, known, err := update.ReadParent(ctx, s.state, from)
		if err != nil || !known {
			return false, from, err
		}
		from = p.Dir
	}
	return false, from, nil
}

// contents tells apart what is below a directory by what is there.
type contents struct {
	changed wire.Version // the newest of all below it
	entries int          // one that is removed changes no other
}

func (p *past) differsBelow(ctx context.Context, before *past) (bool, error) {
	var now, then contents
	if err := p.s.below(ctx, p.entry.ID, nil, &now); err != nil {
		return false, err
	}
	err := before.s.below(ctx, before.entry.ID, nil, &then)
	return now != then, err
}
