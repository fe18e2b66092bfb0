package replica

import (
	"slices"
	"time"

	"github.com/atollnet/atoll/dht/beehive"
)

// entry is a record that is copied: to this peer, or from it.
type entry struct {
	key     string
	value   []byte
	cell    uint32        // where the key lies
	version int           // how often value has changed
	changes allowance     // that are left to it
	expires time.Time     // zero: never
	own     beehive.Level // where this peer, its home, wants it; AtHome: it is not its home
	sources []*link       // by which it came, at most sourcesMax
	sent    lineSet       // who has it from here
	queued  lineSet       // the lines in whose queues it stands
}

func newEntry(self beehive.Point, key string, own beehive.Level) *entry {
	return &entry{key: key, cell: cellOf(self, pointOfKey(key)), own: own}
}

// set gives the record a value.
func (e *entry) set(value []byte, expires time.Time) {
	e.value, e.expires = value, expires
	e.version++
}

// start returns the first row whose contacts are to have the record.
func (e *entry) start() int {
	row := int(e.own)
	for _, l := range e.sources {
		row = min(row, l.row+1)
	}
	return row
}

// idle reports whether nobody wants the record to be copied any more.
func (e *entry) idle() bool { return e.own == beehive.AtHome && len(e.sources) == 0 }

// lineSet is a set of lines, by their slots.
type lineSet [LinesMax / 64]uint64

func (s *lineSet) has(slot int) bool { return s[slot/64]&(1<<(slot%64)) != 0 }
func (s *lineSet) set(slot int)      { s[slot/64] |= 1 << (slot % 64) }
func (s *lineSet) clear(slot int)    { s[slot/64] &^= 1 << (slot % 64) }

// copies are the entries, within their limits.
type copies struct {
	countMax, bytesMax int
	byKey              map[string]*entry
	bytes              int // of values
	cells              map[uint32]cell
	starts             [int(beehive.AtHome) + 1]int // entries by their first row
}

func newCopies(countMax, bytesMax int) *copies {
	return &copies{countMax: countMax, bytesMax: bytesMax, byKey: map[string]*entry{}, cells: map[uint32]cell{}}
}

// change changes an entry, old or new, and keeps the books. An entry that
// becomes idle leaves.
func (c *copies) change(e *entry, do func()) {
	if c.byKey[e.key] == e {
		c.starts[e.start()]--
		c.bytes -= len(e.value)
		c.fill(e.cell, -1, -len(e.value))
	}
	do()
	if e.idle() {
		if c.byKey[e.key] == e {
			delete(c.byKey, e.key)
		}
		return
	}
	c.byKey[e.key] = e
	c.starts[e.start()]++
	c.bytes += len(e.value)
	c.fill(e.cell, 1, len(e.value))
}

// room reports whether a value can take the place of the one under the key.
func (c *copies) room(key string, value []byte) bool {
	e := c.byKey[key]
	if e == nil {
		return len(c.byKey) < c.countMax && c.bytes+len(value) <= c.bytesMax
	}
	return c.bytes-len(e.value)+len(value) <= c.bytesMax
}

// anyFor reports whether anything is to be had by the contacts of a row.
func (c *copies) anyFor(row int) bool {
	for _, n := range c.starts[:row+1] {
		if n > 0 {
			return true
		}
	}
	return false
}

// fresh reports whether a copy may be given out.
func (e *entry) fresh(now time.Time) bool {
	alive := e.expires.IsZero() || now.Before(e.expires)
	return alive && slices.ContainsFunc(e.sources, func(l *link) bool { return l.fresh(now) })
}
