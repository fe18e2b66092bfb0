package objects

import (
	"bytes"
	"cmp"
	"context"
	"iter"
	"slices"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/tree"
	"github.com/atollnet/atoll/objects/update"
)

// Difference is an entry that is not the same in two versions. One of Old and
// New is nil where it was added or removed; they have different paths where it
// was moved.
type Difference struct {
	Old, New *Entry
	Content  bool // of a file: other bytes; of a link: another target
}

// Path is where the entry is, or was if it was removed.
func (d Difference) Path() string {
	if d.New != nil {
		return d.New.Path
	}
	return d.Old.Path
}

// diff is a comparison of two versions under way.
type diff struct {
	old, new  *Snapshot
	from, to  *paths
	added     map[string]*Entry
	removed   map[string]*Entry
	changed   []Difference
	seenFiles map[wire.NodeID]bool // whose directory entry was compared
}

// Diff returns what differs between two versions of an object at and below an
// entry of each, in the order of paths. Either may be nil: then all of the other
// was added or removed. Its cost grows with what differs and with the depth of
// it, not with what is there.
func Diff(ctx context.Context, old, new *Snapshot, from, to *Entry) ([]Difference, error) {
	d := &diff{
		old: old, new: new, added: make(map[string]*Entry), removed: make(map[string]*Entry),
		seenFiles: make(map[wire.NodeID]bool),
	}
	var err error
	switch {
	case from == nil || to == nil || from.IsDir() != to.IsDir() || from.ID != to.ID && from.IsDir():
		err = d.replaced(ctx, from, to)
	case !from.IsDir():
		err = d.compare(ctx, from, to)
	default:
		d.from, d.to = old.paths(from), new.paths(to)
		if err = d.directories(ctx); err == nil {
			err = d.files(ctx)
		}
	}
	if err != nil {
		return nil, err
	}
	return d.result(ctx)
}

// replaced compares entries that have nothing to do with each other, or of which
// one is missing: by what is there.
func (d *diff) replaced(ctx context.Context, from, to *Entry) error {
	if err := d.all(ctx, d.old, from, d.removed); err != nil {
		return err
	}
	if err := d.all(ctx, d.new, to, d.added); err != nil {
		return err
	}
	for path, was := range d.removed {
		is := d.added[path]
		if is == nil || is.IsDir() != was.IsDir() {
			continue
		}
		delete(d.removed, path)
		delete(d.added, path)
		if err := d.compare(ctx, was, is); err != nil {
			return err
		}
	}
	return nil
}

// all notes an entry and everything below it.
func (d *diff) all(ctx context.Context, s *Snapshot, e *Entry, into map[string]*Entry) error {
	if e == nil {
		return nil
	}
	into[e.Path] = e
	if !e.IsDir() {
		return nil
	}
	for below, err := range s.Walk(ctx, e) {
		if err != nil {
			return err
		}
		into[below.Path] = below
	}
	return nil
}

// directories compares the entries of all directories that differ.
func (d *diff) directories(ctx context.Context) error {
	lo, hi := update.AllDirs()
	for c, err := range tree.Diff(ctx, d.old.state, d.new.state, lo, hi) {
		if err != nil {
			return err
		}
		dir, _, err := update.ParseDirEntryKey(c.Key)
		if err != nil {
			return errs.New("compare versions", "", errs.Damaged, err)
		}
		was, err := d.from.entry(ctx, dir, c.Old)
		if err != nil {
			return err
		}
		is, err := d.to.entry(ctx, dir, c.New)
		if err != nil {
			return err
		}
		if err := d.note(ctx, was, is); err != nil {
			return err
		}
	}
	return nil
}

// entry opens what stands under a key of a directory. It is nil if that is
// nothing that a reader sees below the root.
func (p *paths) entry(ctx context.Context, id wire.NodeID, raw *tree.Entry) (*Entry, error) {
	if raw == nil {
		return nil, nil
	}
	dir, err := p.dir(ctx, id)
	if dir == nil || err != nil {
		return nil, err
	}
	secrets := dir.Key.Secrets()
	if bytes.Equal(raw.Key, selfKey(id, secrets)) {
		return nil, nil
	}
	return p.s.listed(ctx, dir, secrets, *raw)
}

func (d *diff) note(ctx context.Context, was, is *Entry) error {
	if was != nil && is != nil && was.IsDir() == is.IsDir() && (was.ID == is.ID || !was.IsDir()) {
		return d.compare(ctx, was, is)
	}
	if was != nil {
		if err := d.vanished(ctx, was); err != nil {
			return err
		}
	}
	if is == nil {
		return nil
	}
	return d.appeared(ctx, is)
}

// appeared notes an entry that was not there. A directory that came from outside
// brings what is below it, of which nothing changed.
func (d *diff) appeared(ctx context.Context, e *Entry) error {
	d.added[e.Path] = e
	if !e.IsDir() {
		return nil
	}
	outside, err := outside(ctx, d.old, d.from, e.ID)
	if !outside || err != nil {
		return err
	}
	return d.all(ctx, d.new, e, d.added)
}

func (d *diff) vanished(ctx context.Context, e *Entry) error {
	d.removed[e.Path] = e
	if !e.IsDir() {
		return nil
	}
	outside, err := outside(ctx, d.new, d.to, e.ID)
	if !outside || err != nil {
		return err
	}
	return d.all(ctx, d.old, e, d.removed)
}

// outside reports whether a directory is somewhere in a snapshot, but not below
// the root of the comparison.
func outside(ctx context.Context, s *Snapshot, p *paths, id wire.NodeID) (bool, error) {
	there, err := s.any(ctx, id, id)
	if !there || err != nil {
		return false, err
	}
	e, err := p.dir(ctx, id)
	return e == nil, err
}

// compare notes what differs between two entries of one place.
func (d *diff) compare(ctx context.Context, was, is *Entry) error {
	d.seenFiles[is.ID] = true
	content := was.Kind != is.Kind || was.Attr.Target != is.Attr.Target
	if !content && is.Kind == update.KindFile {
		same, err := d.sameContent(ctx, was, is)
		if err != nil {
			return err
		}
		content = !same
	}
	if content || was.Attr != is.Attr || was.Path != is.Path {
		d.changed = append(d.changed, Difference{was, is, content})
	}
	return nil
}

// sameContent compares the hashes of the blocks of two files. Files that were
// cut in different places count as different.
func (d *diff) sameContent(ctx context.Context, was, is *Entry) (bool, error) {
	if was.Size != is.Size {
		return false, nil
	}
	next, stop := iter.Pull2(d.old.refs(ctx, was, 0, was.Size, func(int64) {}))
	defer stop()
	for b, err := range d.new.refs(ctx, is, 0, is.Size, func(int64) {}) {
		if err != nil {
			return false, err
		}
		a, err, more := next()
		if err != nil || !more {
			return false, err
		}
		if same, err := sameBlock(a, b); !same || err != nil {
			return false, err
		}
	}
	return true, nil
}

func sameBlock(a, b wanted) (bool, error) {
	if a.ref.Length != b.ref.Length {
		return false, nil
	}
	x, err := blockHash(a)
	if err != nil {
		return false, err
	}
	y, err := blockHash(b)
	return x == y, err
}

func blockHash(w wanted) (h wire.Hash, err error) {
	if w.ref.IsInline() {
		plain, err := openInline(w)
		return wire.Sum(plain), err
	}
	key, err := w.secrets.OpenBlockKey(w.ref.Sealed)
	if err != nil {
		return h, wrongKey(err)
	}
	return key.Hash, nil
}

// files finds the files that changed without their directory: what was appended
// or written in their middle.
func (d *diff) files(ctx context.Context) error {
	ids, err := changedFiles(ctx, d.old, d.new)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if d.seenFiles[id] {
			continue
		}
		is, err := d.to.file(ctx, id)
		if err != nil {
			return err
		}
		if is == nil {
			continue
		}
		was, err := d.from.file(ctx, id)
		if err != nil {
			return err
		}
		if was != nil && was.Path == is.Path {
			if err := d.compare(ctx, was, is); err != nil {
				return err
			}
		}
	}
	return nil
}

// changedFiles returns the files whose size or blocks differ, in order.
func changedFiles(ctx context.Context, old, new *Snapshot) (ids []wire.NodeID, err error) {
	for _, kind := range []struct {
		bounds func() (lo, hi []byte)
		parse  func([]byte) (wire.NodeID, error)
	}{{update.AllFiles, update.ParseFileKey}, {update.AllBlocks, blockFile}} {
		lo, hi := kind.bounds()
		for c, err := range tree.Diff(ctx, old.state, new.state, lo, hi) {
			if err != nil {
				return nil, err
			}
			id, err := kind.parse(c.Key)
			if err != nil {
				return nil, errs.New("compare versions", "", errs.Damaged, err)
			}
			if c.Old != nil && c.New != nil && bytes.Equal(c.Old.Value, c.New.Value) {
				continue
			}
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b wire.NodeID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(ids), nil
}

func blockFile(k []byte) (wire.NodeID, error) {
	id, _, err := update.ParseBlockKey(k)
	return id, err
}

// result pairs what was moved and sorts everything.
func (d *diff) result(ctx context.Context) ([]Difference, error) {
	gone := make(map[wire.NodeID]*Entry)
	for _, e := range d.removed {
		gone[e.ID] = e
	}
	for path, is := range d.added {
		was := gone[is.ID]
		if was == nil {
			d.changed = append(d.changed, Difference{New: is})
			continue
		}
		delete(gone, is.ID)
		delete(d.removed, was.Path)
		delete(d.added, path)
		if err := d.compare(ctx, was, is); err != nil {
			return nil, err
		}
	}
	for _, was := range d.removed {
		d.changed = append(d.changed, Difference{Old: was})
	}
	slices.SortFunc(d.changed, func(a, b Difference) int { return cmp.Compare(a.Path(), b.Path()) })
	return d.changed, nil
}
