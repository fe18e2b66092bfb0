package objects

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/update"
)

// File is what is put.
type File struct {
	Kind update.EntryKind
	Attr envelope.Attr
	// Named says that a reference to it will be given away.
	Named bool
	// Compare says that a file with the content and attributes that are there
	// already makes no change.
	Compare bool
	// Nines is the durability that is wanted of it, per extent and year; 0: what
	// the volume's policy says.
	Nines float64
	Condition
}

// Change is what became of a change to one entry.
type Change struct {
	Report
	Path     string // of the entry, below the place
	Node     wire.NodeID
	Key      envelope.NodeKey
	Previous wire.Version // that changed the entry before; 0: it is new
}

// snapshotOf opens the newest version at a place.
func (g *Gateway) snapshotOf(ctx context.Context, p Place) (*Snapshot, *Entry, error) {
	s, err := g.Newest(ctx, p.Object)
	if err != nil {
		return nil, nil, err
	}
	root, err := s.Place(ctx, p)
	return s, root, err
}

// Put stores a file from content, or a symbolic link, and returns when it is
// ordered. Content that ends in an error other than io.EOF leaves the volume as
// it was.
func (g *Gateway) Put(ctx context.Context, d Dest, f File, content io.Reader) (Change, error) {
	s, root, err := g.snapshotOf(ctx, d.Place)
	if err != nil {
		return Change{}, err
	}
	t, err := s.target(ctx, root, d)
	if err != nil {
		return Change{}, err
	}
	if err := t.check(f.Condition); err != nil {
		return Change{}, err
	}
	nines, err := s.nines(ctx, f.Nines)
	if err != nil {
		return Change{}, err
	}
	w := g.newWriter(ctx, d.Object)
	w.want(nines)
	change := Change{Path: t.path()}
	if t.old != nil {
		change.Previous = t.old.Changed
	}
	var size int64
	change.Node, change.Key, size, err = w.put(s, d.Key.Secrets(), t, f, content)
	change.Report, err = w.finish(err)
	change.Bytes = size
	return change, errs.Wrap("put", display(change.Path), err)
}

// put writes what f and content say at the target.
func (w *writer) put(s *Snapshot, volume envelope.Secrets, t target, f File, content io.Reader) (id wire.NodeID, key envelope.NodeKey, size int64, err error) {
	if t.old != nil && t.old.IsDir() != (f.Kind == update.KindDir) {
		return id, key, 0, errs.New("put", display(t.path()), errs.Conflict, errors.New("a directory cannot take the place of a file, nor a file that of a directory"))
	}
	if id, key, err = t.node(&w.ids, f.Kind); err != nil {
		return id, key, 0, err
	}
	entry, err := t.change(w.g.Random, f.Kind, id, key, f.Attr, f.Condition)
	if err != nil {
		return id, key, 0, err
	}
	self, err := w.self(s, t, f, id, key)
	if err != nil {
		return id, key, 0, err
	}
	fw := &fileWriter{
		w: w, volume: volume, secrets: key.Secrets(), id: id, under: id, self: self,
		replace: t.old != nil && t.old.Kind == update.KindFile,
	}
	if t.old != nil && !t.old.IsDir() {
		fw.old = t.old
	}
	if f.Kind == update.KindFile {
		if fw.replace {
			if err = fw.learn(s, t.old, f.Compare && f.Attr == t.old.Attr); err != nil {
				return id, key, 0, err
			}
		}
		if err = fw.copy(content); err != nil || fw.unchanged() {
			return id, key, fw.size, err
		}
	}
	return id, key, fw.size, fw.publish(entry)
}

// knownBlocksMax bounds the table of a file's blocks, at some 200 bytes each.
const knownBlocksMax = 1 << 18

// learn reads the blocks of a file's present version: what is written again need
// not be sent again, unless it lies on too few peers. With compare it also keeps
// their order, to tell whether anything differs.
func (f *fileWriter) learn(s *Snapshot, file *Entry, compare bool) error {
	f.known = make(map[wire.Hash]update.BlockRef)
	if compare {
		f.was = []wire.Hash{}
	}
	thin := thinExtents{s: s}
	for w, err := range s.refs(f.w.ctx, file, 0, file.Size, func(int64) {}) {
		if err != nil {
			return err
		}
		if len(f.known) == knownBlocksMax {
			f.was = nil
			return nil
		}
		if w.ref.IsInline() && !compare {
			continue
		}
		hash, err := blockHash(w)
		if err != nil {
			return errs.New("read", display(file.Path), errs.Damaged, fmt.Errorf("block key: %w", err))
		}
		if compare {
			f.was = append(f.was, hash)
		}
		if w.ref.IsInline() {
			continue
		}
		if skip, err := thin.has(f.w.ctx, w.ref.Extent); err != nil || skip {
			if err != nil {
				return err
			}
			continue
		}
		f.known[hash] = w.ref
	}
	return nil
}
