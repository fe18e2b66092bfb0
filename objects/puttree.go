package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/update"
)

// TreeEntry is an entry of a tree on its way into a volume.
type TreeEntry struct {
	Path string // from the root of the tree; "" for the root itself
	Kind update.EntryKind
	Attr envelope.Attr
	Size int64 // of a file
	// Gone says that what is at Path is to be removed; Kind, Attr and Size say
	// nothing then.
	Gone bool
}

// Tree hands out entries, each directory before what is in it; Read reads the
// content of the file that Next returned last.
type Tree interface {
	Next() (TreeEntry, error) // io.EOF after the last
	io.Reader
}

// TreeOptions say how a tree is put over what is there.
type TreeOptions struct {
	// Checksum says that files are compared by what is in them, not by size and
	// time.
	Checksum bool
	// Seen is the version in which the tree's owner saw what is Gone; zero is the
	// newest.
	Seen wire.Version
	// Nines is as in File.
	Nines float64
}

// treeWriter writes a tree into a volume.
type treeWriter struct {
	TreeOptions
	w      *writer
	s      *Snapshot
	volume envelope.Secrets
	top    target
	dirs   map[string]*Entry // of the tree, by path: those of the volume, or fresh ones
	fresh  map[string]bool   // dirs that are not in the snapshot: nothing is in them
	gone   map[string]bool   // what was removed, and may come again as something else
	thin   thinExtents
	bytes  int64
	change Change
}

// PutTree makes the tree the entry at a path, merged with what is there, and
// returns when all of it is ordered. Files that are there with the same size,
// mode and time are left alone; with checksum, those with the same content,
// mode and time.
func (g *Gateway) PutTree(ctx context.Context, d Dest, c Condition, o TreeOptions, tree Tree) (Change, error) {
	s, root, err := g.snapshotOf(ctx, d.Place)
	if err != nil {
		return Change{}, err
	}
	t := &treeWriter{
		s: s, volume: d.Key.Secrets(), thin: thinExtents{s: s}, TreeOptions: o,
		dirs: make(map[string]*Entry), fresh: make(map[string]bool), gone: make(map[string]bool),
	}
	if t.top, err = s.treeTarget(ctx, root, d); err != nil {
		return Change{}, err
	}
	if err := t.top.check(c); err != nil {
		return Change{}, err
	}
	nines, err := s.nines(ctx, o.Nines)
	if err != nil {
		return Change{}, err
	}
	t.w = g.newWriter(ctx, d.Object)
	t.w.want(nines)
	err = t.copy(tree, c)
	t.change.Report, err = t.w.finish(err)
	t.change.Bytes = t.bytes
	return t.change, errs.Wrap("put tree", display(t.change.Path), err)
}

// treeTarget is target, but an existing directory is the tree itself, and the
// root of the place can be it too.
func (s *Snapshot) treeTarget(ctx context.Context, root *Entry, d Dest) (target, error) {
	switch {
	case d.Into && d.Name != "":
		return s.target(ctx, root, d)
	case d.Path == "" && !root.IsDir():
		return target{}, errs.New("put tree", "/", errs.Conflict, errors.New("a directory cannot take the place of a file"))
	case d.Path == "":
		return target{old: root}, nil
	}
	return s.entryAt(ctx, root, d.Path)
}

func (t *treeWriter) copy(tree Tree, c Condition) error {
	for {
		e, err := tree.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if e.Path == "" {
			err = t.root(e, c)
		} else {
			err = t.entry(e, tree)
		}
		if err != nil {
			return err
		}
	}
}

// root makes or finds the tree's root directory.
func (t *treeWriter) root(e TreeEntry, c Condition) error {
	if t.top.dir == nil { // the place itself: it has no entry that could change
		t.dirs[""] = t.top.old
		t.change.Node, t.change.Key = t.top.old.ID, t.top.old.Key
		return nil
	}
	if t.top.old == nil {
		c.IfAbsent = true // another writer's directory of this name must not be lost
	} else {
		t.change.Previous = t.top.old.Changed
	}
	dir, err := t.directory(t.top, e, c)
	if err != nil {
		return err
	}
	t.dirs[""] = dir
	t.change.Path, t.change.Node, t.change.Key = t.top.path(), dir.ID, dir.Key
	t.fresh[""] = t.top.old == nil
	return nil
}

func (t *treeWriter) entry(e TreeEntry, content io.Reader) error {
	at, fresh, err := t.target(e.Path)
	if err != nil {
		return err
	}
	if e.Gone {
		return t.remove(e.Path, at)
	}
	if e.Kind == update.KindDir {
		dir, err := t.directory(at, e, Condition{IfAbsent: at.old == nil && !fresh})
		if err != nil {
			return err
		}
		t.dirs[e.Path] = dir
		t.fresh[e.Path] = at.old == nil
		return nil
	}
	if !t.Checksum {
		if same, err := t.unchanged(at.old, e); same || err != nil {
			return err
		}
	}
	_, _, size, err := t.w.put(t.s, t.volume, at, File{Kind: e.Kind, Attr: e.Attr, Compare: t.Checksum}, content)
	if err == nil && e.Kind == update.KindFile && size != e.Size {
		err = errs.Newf("put", display(e.Path), errs.Other, "%d bytes came, %d were announced", size, e.Size)
	}
	t.bytes += size
	return err
}

// target finds the place of a path of the tree in the volume.
func (t *treeWriter) target(path string) (at target, fresh bool, err error) {
	parent, name := "", path
	if i := strings.LastIndexByte(path, '/'); i >= 0 {
		parent, name = path[:i], path[i+1:]
	}
	if err := envelope.CheckName(name); err != nil {
		return at, false, errs.New("put", display(path), errs.Usage, err)
	}
	at = target{dir: t.dirs[parent], name: name}
	if at.dir == nil {
		return at, false, errs.New("put", display(path), errs.Usage, fmt.Errorf("its directory did not come before it"))
	}
	if t.fresh[parent] || t.gone[path] {
		return at, true, nil
	}
	old, found, err := t.s.child(t.w.ctx, at.dir, name)
	if found {
		at.old = old
	}
	return at, false, err
}

// remove takes away what the tree's owner saw at the destination and does not
// have. What somebody else has put there since is a conflict.
func (t *treeWriter) remove(path string, at target) error {
	if at.old == nil {
		return nil
	}
	t.gone[path] = true
	seen := t.s.Version
	if t.Seen != 0 {
		seen = min(seen, t.Seen)
	}
	if err := at.check(Condition{IfVersion: &seen}); err != nil {
		return err
	}
	return t.w.remove(t.s, at, true, &seen)
}

// directory makes a directory, or gives an existing one its attributes.
func (t *treeWriter) directory(at target, e TreeEntry, c Condition) (*Entry, error) {
	named := e.Path == ""
	if at.old != nil && at.old.IsDir() && at.old.Attr == e.Attr {
		_, known, err := t.s.selfEntry(t.w.ctx, at.old.ID, at.old.Key)
		if err != nil || known || !named {
			return at.old, err
		}
	}
	id, key, _, err := t.w.put(t.s, t.volume, at, File{Kind: update.KindDir, Attr: e.Attr, Named: named, Condition: c}, nil)
	return &Entry{Path: at.path(), Name: at.name, Kind: update.KindDir, ID: id, Key: key, Attr: e.Attr}, err
}

// unchanged reports whether an entry is in the volume as it is, and its content
// on as many peers as can be had.
func (t *treeWriter) unchanged(old *Entry, e TreeEntry) (bool, error) {
	if old == nil || old.Kind != e.Kind || old.Attr != e.Attr {
		return false, nil
	}
	if e.Kind != update.KindFile {
		return true, nil
	}
	if old.Size != e.Size {
		return false, nil
	}
	thin, err := t.thin.holds(t.w.ctx, old)
	return !thin, err
}
