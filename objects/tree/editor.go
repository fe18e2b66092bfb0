package tree

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"github.com/atollnet/atoll/internal/wire"
)

// Editor collects the changes of one version over a map. It shows the map as
// it will be; nothing is written until Commit. What counts is the outcome, not
// the order of the edits: a key that ends with the value it began with is
// unchanged and keeps its stamp.
//
// An Editor is for one goroutine, and must not be changed while it is scanned.
type Editor struct {
	version wire.Version
	base    Reader // a *Map; of a fork, an *Editor

	// What is to be done: the ranges first, then the points.
	ranges spans
	points points
}

var (
	_ Reader = (*Map)(nil)
	_ Reader = (*Editor)(nil)
)

// Edit begins version v on the map. The stamps in the map must not be newer.
func (m *Map) Edit(v wire.Version) *Editor { return &Editor{version: v, base: m} }

// Fork returns an editor over this one, whose changes come into it by Merge or
// not at all. This one must not be changed in between.
func (e *Editor) Fork() *Editor { return &Editor{version: e.version, base: e} }

// Merge makes the changes of a fork of this editor.
func (e *Editor) Merge(fork *Editor) {
	for _, s := range fork.ranges {
		e.DeleteRange(s.lo, s.hi)
	}
	for p := range fork.points.all(nil, nil) {
		e.points.put(p)
	}
}

// Set gives a key a value. Both are kept and must not be changed. A key has 1
// to wire.TreeKeyBytesMax bytes and a value at most wire.TreeValueBytesMax,
// else the error is ErrLimit and nothing is set.
func (e *Editor) Set(key, value []byte) error {
	if len(key) == 0 || len(key) > wire.TreeKeyBytesMax || len(value) > wire.TreeValueBytesMax {
		return fmt.Errorf("%w: key of %d bytes, value of %d", ErrLimit, len(key), len(value))
	}
	e.points.put(edit{key: key, value: value})
	return nil
}

// Delete removes a key, if there is one. The key is kept.
func (e *Editor) Delete(key []byte) { e.points.put(edit{key: key, deleted: true}) }

// DeleteRange removes the keys lo ≤ key < hi; a nil hi has no end. Its cost
// does not grow with what is removed. The bounds are kept.
func (e *Editor) DeleteRange(lo, hi []byte) {
	if emptyRange(lo, hi) {
		return
	}
	e.points.remove(lo, hi)
	e.ranges = e.ranges.add(lo, hi)
}

// Get implements Reader.
func (e *Editor) Get(ctx context.Context, key []byte) (Entry, bool, error) {
	if p, ok := e.points.get(key); ok {
		return Entry{p.key, p.value, e.version}, !p.deleted, nil
	}
	if e.ranges.has(key) {
		return Entry{}, false, nil
	}
	return e.base.Get(ctx, key)
}

// Scan implements Reader.
func (e *Editor) Scan(ctx context.Context, lo, hi []byte) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		points := e.points.from(lo, hi)
		// flush yields the points below a key, or all of them.
		flush := func(below []byte) bool {
			for p, ok := points.peek(); ok && (below == nil || bytes.Compare(p.key, below) < 0); p, ok = points.peek() {
				points.next()
				if !p.deleted && !yield(Entry{p.key, p.value, e.version}, nil) {
					return false
				}
			}
			return true
		}
		for entry, err := range e.kept(ctx, lo, hi) {
			if err != nil {
				yield(Entry{}, err)
				return
			}
			if !flush(entry.Key) {
				return
			}
			if p, ok := points.peek(); ok && bytes.Equal(p.key, entry.Key) {
				continue // the point stands for it, and is yielded next
			}
			if !yield(entry, nil) {
				return
			}
		}
		flush(nil)
	}
}

// kept yields the entries of the base that no deleted range covers.
func (e *Editor) kept(ctx context.Context, lo, hi []byte) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for _, gap := range e.ranges.gaps(lo, hi) {
			for entry, err := range e.base.Scan(ctx, gap.lo, gap.hi) {
				if !yield(entry, err) || err != nil {
					return
				}
			}
		}
	}
}

// ChangedSince implements Reader. An edit counts as a change whatever it does.
func (e *Editor) ChangedSince(ctx context.Context, lo, hi []byte, v wire.Version) (bool, error) {
	if emptyRange(lo, hi) {
		return false, nil
	}
	if e.version > v && (e.points.any(lo, hi) || len(e.ranges.within(lo, hi)) > 0) {
		return true, nil
	}
	return e.base.ChangedSince(ctx, lo, hi, v)
}
