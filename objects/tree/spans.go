package tree

import (
	"bytes"
	"sort"
)

// span is a range of keys, lo ≤ key < hi; a nil hi has no end.
type span struct{ lo, hi []byte }

// spans is an ascending list of ranges that neither overlap nor touch.
type spans []span

// ends reports whether the span ends before key.
func (s span) ends(key []byte) bool { return s.hi != nil && bytes.Compare(s.hi, key) < 0 }

// covers reports whether all of lo ≤ key < hi lies in the span.
func (s span) covers(lo, hi []byte) bool {
	return bytes.Compare(s.lo, lo) <= 0 && (s.hi == nil || hi != nil && bytes.Compare(hi, s.hi) <= 0)
}

// meets reports whether the span and lo ≤ key < hi have keys in common.
func (s span) meets(lo, hi []byte) bool {
	return (hi == nil || bytes.Compare(s.lo, hi) < 0) && (s.hi == nil || bytes.Compare(lo, s.hi) < 0)
}

// add returns the list with lo ≤ key < hi added.
func (l spans) add(lo, hi []byte) spans {
	var out spans
	added := span{lo, hi}
	for i, s := range l {
		switch {
		case s.ends(added.lo):
			out = append(out, s)
		case added.ends(s.lo):
			return append(append(out, added), l[i:]...)
		default:
			added = join(added, s)
		}
	}
	return append(out, added)
}

// join returns the range from the start of the first of both to the end of the
// last.
func join(a, b span) span {
	if bytes.Compare(b.lo, a.lo) < 0 {
		a.lo = b.lo
	}
	if b.hi == nil || a.hi != nil && bytes.Compare(b.hi, a.hi) > 0 {
		a.hi = b.hi
	}
	return a
}

// after returns the index of the first range that does not end at or before
// key.
func (l spans) after(key []byte) int {
	return sort.Search(len(l), func(i int) bool {
		return l[i].hi == nil || bytes.Compare(l[i].hi, key) > 0
	})
}

// within returns the part of the list that has keys in common with the range.
func (l spans) within(lo, hi []byte) spans {
	l = l[l.after(lo):]
	return l[:sort.Search(len(l), func(i int) bool { return !l[i].meets(lo, hi) })]
}

// has reports whether key lies in one of the ranges.
func (l spans) has(key []byte) bool {
	i := l.after(key)
	return i < len(l) && bytes.Compare(l[i].lo, key) <= 0
}

// gaps returns the parts of lo ≤ key < hi that lie in none of the ranges.
func (l spans) gaps(lo, hi []byte) spans {
	var out spans
	for _, s := range l.within(lo, hi) {
		if bytes.Compare(lo, s.lo) < 0 {
			out = append(out, span{lo, s.lo})
		}
		if s.hi == nil {
			return out
		}
		lo = s.hi
	}
	if !emptyRange(lo, hi) {
		out = append(out, span{lo, hi})
	}
	return out
}
