package beehive

import (
	"math/bits"
	"slices"
)

// sparesMax is how many contacts are kept for one digit of one row: the one in
// use, and those that follow when it dies.
const sparesMax = 3

// Contact is a peer and where it lies.
type Contact[P comparable] struct {
	Peer P
	At   Point
}

// Table is the contacts of one peer by digits: those of row r share r digits
// with it, and one is kept for each value of the next digit. It holds
// sparesMax · 16 · log_16 N contacts.
type Table[P comparable] struct {
	self Contact[P]
	rows []row[P]
}

// row is the contacts that share as many digits as rows lie before it.
type row[P comparable] struct {
	filled uint16 // a bit for each slot that is not empty
	slots  [Base][]Contact[P]
}

func (r *row[P]) add(digit int, c Contact[P]) bool {
	slot := r.slots[digit]
	if len(slot) >= sparesMax || slices.ContainsFunc(slot, func(o Contact[P]) bool { return o.Peer == c.Peer }) {
		return false
	}
	r.slots[digit] = append(slot, c)
	r.filled |= 1 << digit
	return true
}

func (r *row[P]) remove(digit int, p P) {
	r.slots[digit] = slices.DeleteFunc(r.slots[digit], func(o Contact[P]) bool { return o.Peer == p })
	if len(r.slots[digit]) == 0 {
		r.filled &^= 1 << digit
	}
}

// NewTable returns an empty table.
func NewTable[P comparable](self Contact[P]) *Table[P] { return &Table[P]{self: self} }

// Self returns the peer whose table it is.
func (t *Table[P]) Self() Contact[P] { return t.self }

// Depth returns the number of rows: beyond it this peer is alone.
func (t *Table[P]) Depth() int { return len(t.rows) }

// Add adds a contact if there is room; those added before stay in use.
func (t *Table[P]) Add(c Contact[P]) bool {
	r := t.self.At.Shared(c.At)
	if r == Digits {
		return false // this peer itself
	}
	for len(t.rows) <= r {
		t.rows = append(t.rows, row[P]{})
	}
	return t.rows[r].add(c.At.Digit(r), c)
}

// Remove removes a contact that does not answer.
func (t *Table[P]) Remove(c Contact[P]) {
	r := t.self.At.Shared(c.At)
	if r >= len(t.rows) {
		return
	}
	t.rows[r].remove(c.At.Digit(r), c.Peer)
	for n := len(t.rows); n > 0 && t.rows[n-1].filled == 0; n-- {
		t.rows = t.rows[:n-1]
	}
}

// Demote turns to another contact in place of a slow one, which stays as the last
// resort, and reports whether there is another.
func (t *Table[P]) Demote(c Contact[P]) bool {
	slot := t.Slot(t.self.At.Shared(c.At), c.At.Digit(min(t.self.At.Shared(c.At), Digits-1)))
	if len(slot) < 2 || slot[0].Peer != c.Peer {
		return false
	}
	copy(slot, slot[1:])
	slot[len(slot)-1] = c
	return true
}

// Next returns the contact that is asked for a key next: it shares at least one
// more digit with it than this peer, or lies nearer. Without one this peer is
// the nearest that it knows: the key's home.
func (t *Table[P]) Next(key Point) (Contact[P], bool) {
	for r := t.self.At.Shared(key); r < len(t.rows); r++ {
		want, own := key.Digit(r), t.self.At.Digit(r)
		for x := range Base { // by distance; where nobody shares the digit
			if want^x == own {
				break // nobody is nearer than those who share the next digit too
			}
			if slot := t.rows[r].slots[want^x]; len(slot) > 0 {
				return slot[0], true
			}
		}
	}
	return Contact[P]{}, false
}

// Slot returns the contacts of a row for a digit, the one in use first.
func (t *Table[P]) Slot(row, digit int) []Contact[P] {
	if row >= len(t.rows) {
		return nil
	}
	return t.rows[row].slots[digit]
}

// Spread calls fn for the contacts to which a push goes that this peer passes
// on from the given row: each answers for all peers that share its digits, and
// passes the push on from the row after its own. So each peer that shares the
// first row digits with this one gets it once.
func (t *Table[P]) Spread(row int, fn func(row int, c Contact[P])) {
	for r := row; r < len(t.rows); r++ {
		for left := t.rows[r].filled; left != 0; left &= left - 1 {
			fn(r, t.rows[r].slots[bits.TrailingZeros16(left)][0])
		}
	}
}
