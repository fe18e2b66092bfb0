package tree

import (
	"bytes"
	"iter"
	"slices"
	"sort"
)

// edit is what is to become of one key: set to value, or deleted.
type edit struct {
	key, value []byte
	deleted    bool
}

// points is a sorted list of edits, at most one per key, in pieces of bounded
// length so that an insertion moves little.
type points struct {
	pieces [][]edit // none is empty
}

const pieceLengthMax = 256

// find returns where key is or belongs: a piece, and the index in it.
func (p *points) find(key []byte) (piece, i int, exact bool) {
	piece = sort.Search(len(p.pieces), func(j int) bool {
		return bytes.Compare(p.pieces[j][0].key, key) > 0
	})
	if piece--; piece < 0 {
		return 0, 0, false
	}
	i, exact = slices.BinarySearchFunc(p.pieces[piece], key, func(e edit, key []byte) int {
		return bytes.Compare(e.key, key)
	})
	return piece, i, exact
}

func (p *points) get(key []byte) (edit, bool) {
	piece, i, exact := p.find(key)
	if !exact {
		return edit{}, false
	}
	return p.pieces[piece][i], true
}

// put adds an edit, or replaces that of the same key.
func (p *points) put(e edit) {
	if len(p.pieces) == 0 {
		p.pieces = [][]edit{{e}}
		return
	}
	j, i, exact := p.find(e.key)
	if exact {
		p.pieces[j][i] = e
		return
	}
	p.pieces[j] = slices.Insert(p.pieces[j], i, e)
	if piece := p.pieces[j]; len(piece) > pieceLengthMax {
		half := len(piece) / 2
		p.pieces[j] = slices.Clone(piece[half:])
		p.pieces = slices.Insert(p.pieces, j, piece[:half:half])
	}
}

// cursor walks the edits of a range in ascending order.
type cursor struct {
	points   *points
	piece, i int
	hi       []byte
}

// from returns a cursor at the first edit of lo ≤ key < hi.
func (p *points) from(lo, hi []byte) cursor {
	piece, i, _ := p.find(lo)
	return cursor{p, piece, i, hi}
}

// peek returns the edit at the cursor, unless the range is at its end.
func (c *cursor) peek() (edit, bool) {
	pieces := c.points.pieces
	if c.piece < len(pieces) && c.i == len(pieces[c.piece]) {
		c.piece, c.i = c.piece+1, 0
	}
	if c.piece == len(pieces) {
		return edit{}, false
	}
	e := pieces[c.piece][c.i]
	return e, c.hi == nil || bytes.Compare(e.key, c.hi) < 0
}

// next moves on from an edit that peek has returned.
func (c *cursor) next() { c.i++ }

// all yields the edits of lo ≤ key < hi in ascending order.
func (p *points) all(lo, hi []byte) iter.Seq[edit] {
	return func(yield func(edit) bool) {
		for c := p.from(lo, hi); ; c.next() {
			if e, ok := c.peek(); !ok || !yield(e) {
				return
			}
		}
	}
}

// any reports whether a key of the range has an edit.
func (p *points) any(lo, hi []byte) bool {
	for range p.all(lo, hi) {
		return true
	}
	return false
}

// remove forgets the edits of the range.
func (p *points) remove(lo, hi []byte) {
	if !p.any(lo, hi) {
		return
	}
	var kept [][]edit
	for _, piece := range p.pieces {
		piece = slices.DeleteFunc(piece, func(e edit) bool { return inRange(e.key, lo, hi) })
		if len(piece) > 0 {
			kept = append(kept, piece)
		}
	}
	p.pieces = kept
}

func inRange(key, lo, hi []byte) bool {
	return bytes.Compare(key, lo) >= 0 && (hi == nil || bytes.Compare(key, hi) < 0)
}
