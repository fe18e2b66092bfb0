package local

import (
	"iter"
	"strings"

	"github.com/atollnet/atoll/internal/api"
)

// Listing is what stands at a place in a volume, in the order of a walk, as a
// tree to be compared with: the first entry is the place itself.
type Listing struct {
	next func() (api.Entry, error, bool)
	stop func()

	root  api.Path
	begun bool
	ahead *api.Entry // path from the root
	err   error
	over  bool
}

// NewListing returns the listing that list gives. The caller calls Close.
func NewListing(list func(fn func(api.Entry) error) error) *Listing {
	l := new(Listing)
	l.next, l.stop = iter.Pull2(func(yield func(api.Entry, error) bool) {
		err := list(func(e api.Entry) error {
			if !yield(e, nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && err != errStopped {
			yield(api.Entry{}, err)
		}
	})
	return l
}

type stopped struct{}

func (stopped) Error() string { return "nobody wants the rest" }

var errStopped error = stopped{}

// Close ends the listing.
func (l *Listing) Close() { l.stop() }

// Root returns the first entry: what the place itself is. It is called first.
func (l *Listing) Root() (e api.Entry, err error) {
	e, err, more := l.next()
	l.begun, l.root, l.over = true, e.Path, err != nil || !more
	return e, err
}

// peek returns the next entry, with its path from the root.
func (l *Listing) peek() (e api.Entry, found bool, err error) {
	if !l.begun {
		if _, err := l.Root(); err != nil {
			return e, false, err
		}
	}
	if l.ahead == nil && !l.over && l.err == nil {
		e, err, more := l.next()
		switch {
		case err != nil:
			l.err = err
		case !more:
			l.over = true
		default:
			e.Path = e.Path.Below(l.root)
			l.ahead = &e
		}
	}
	if l.ahead == nil {
		return e, false, l.err
	}
	return *l.ahead, true, nil
}

// pass goes on to the entry after the one that peek returned.
func (l *Listing) pass() { l.ahead = nil }

// passBelow goes on to the first entry that is not at or below a path.
func (l *Listing) passBelow(path api.Path) {
	for {
		e, found, err := l.peek()
		if err != nil || !found || !isBelow(string(e.Path), string(path)) {
			return
		}
		l.pass()
	}
}

// comparePaths orders paths as a walk does: a directory before what is in it, the
// entries of one directory by the bytes of their names.
func comparePaths(a, b api.Path) int {
	// A slash sorts before every other byte of a name; there is no zero byte.
	return strings.Compare(strings.ReplaceAll(string(a), "/", "\x00"), strings.ReplaceAll(string(b), "/", "\x00"))
}
