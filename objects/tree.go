package objects

import (
	"cmp"
	"context"
	"io"
	"iter"
	"slices"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/update"
)

// listingBytesMax bounds the entries that a sorted listing holds at once, at
// entryBytes and their names and link targets each: some half a million.
const (
	listingBytesMax = 256 << 20
	entryBytes      = 400
)

// Sorted yields all entries below a directory, each directory before what is
// in it, the entries of each ascending by the bytes of their names. It holds
// the entries of the directories along one path in memory; the error is of kind
// Refused if they are too many.
func (s *Snapshot) Sorted(ctx context.Context, dir *Entry, recursive bool) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		l := &listing{s: s, recursive: recursive, yield: yield, left: listingBytesMax}
		l.list(ctx, dir, nil)
	}
}

// listing is a sorted listing under way.
type listing struct {
	s         *Snapshot
	recursive bool
	yield     func(*Entry, error) bool
	left      int // bytes that may still be held
}

func (l *listing) list(ctx context.Context, dir *Entry, above []wire.NodeID) bool {
	if len(above) > depthMax || slices.Contains(above, dir.ID) {
		l.yield(nil, errNested(dir.Path))
		return false
	}
	left := l.left
	defer func() { l.left = left }()
	entries, err := l.entries(ctx, dir)
	if err != nil {
		l.yield(nil, err)
		return false
	}
	for _, e := range entries {
		if !l.yield(e, nil) {
			return false
		}
		if l.recursive && e.IsDir() && !l.list(ctx, e, append(above, dir.ID)) {
			return false
		}
	}
	return true
}

// entries returns the entries of a directory in order.
func (l *listing) entries(ctx context.Context, dir *Entry) (entries []*Entry, err error) {
	for e, err := range l.s.List(ctx, dir) {
		if err != nil {
			return nil, err
		}
		if l.left -= entryBytes + len(e.Path) + len(e.Attr.Target); l.left < 0 {
			return nil, errs.Newf("list", display(dir.Path), errs.Refused, "its entries would take more than %d MiB of memory", listingBytesMax>>20)
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b *Entry) int { return cmp.Compare(a.Name, b.Name) })
	return entries, nil
}

// Limits of what ReadTree looks ahead: enough that files which lie side by side
// in an extent are fetched together.
const (
	aheadEntriesMax = 512
	aheadBytesMax   = 32 << 20
)

// ReadTree calls fn for every entry below a directory in the order of Sorted.
// content reads a file, to io.EOF after its last byte; it is nil for other
// kinds, and for files that skip says, and ends with the call. skip may be nil;
// it is asked once for each entry, in their order.
func (s *Snapshot) ReadTree(ctx context.Context, dir *Entry, skip func() bool, fn func(e *Entry, content io.Reader) error) error {
	var ahead []entryAhead
	var bytes int64
	for e, err := range s.Sorted(ctx, dir, true) {
		if err != nil {
			return err
		}
		passed := skip != nil && skip()
		read := e.Kind == update.KindFile && !passed
		ahead = append(ahead, entryAhead{e, read})
		if read {
			bytes += e.Size
		}
		if len(ahead) == aheadEntriesMax || bytes >= aheadBytesMax {
			if err := s.readEntries(ctx, ahead, fn); err != nil {
				return err
			}
			ahead, bytes = ahead[:0], 0
		}
	}
	return s.readEntries(ctx, ahead, fn)
}

// entryAhead is an entry that is about to be given.
type entryAhead struct {
	*Entry
	read bool // its content is wanted
}

// readEntries reads the content of several entries as one stream of blocks.
func (s *Snapshot) readEntries(ctx context.Context, entries []entryAhead, fn func(*Entry, io.Reader) error) error {
	next, stop := iter.Pull2(s.blocks(ctx, s.refsOf(ctx, entries)))
	defer stop()
	for _, e := range entries {
		if !e.read {
			if err := fn(e.Entry, nil); err != nil {
				return err
			}
			continue
		}
		content := &blockReader{next: next, left: e.Size, path: e.Path}
		if err := fn(e.Entry, content); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			return err
		}
	}
	return nil
}

// refsOf yields the blocks of several files, one file after the other.
func (s *Snapshot) refsOf(ctx context.Context, entries []entryAhead) iter.Seq2[wanted, error] {
	return func(yield func(wanted, error) bool) {
		for _, e := range entries {
			if !e.read {
				continue
			}
			for w, err := range s.refs(ctx, e.Entry, 0, e.Size, func(int64) {}) {
				if !yield(w, err) || err != nil {
					return
				}
			}
		}
	}
}

// blockReader reads one file from a stream of blocks.
type blockReader struct {
	next  func() ([]byte, error, bool)
	left  int64 // bytes of the file not yet read
	block []byte
	path  string
	err   error
}

func (r *blockReader) Read(p []byte) (int, error) {
	for len(r.block) == 0 && r.err == nil {
		r.fill()
	}
	if r.err != nil {
		return 0, r.err
	}
	n := copy(p, r.block)
	r.block, r.left = r.block[n:], r.left-int64(n)
	return n, nil
}

func (r *blockReader) fill() {
	if r.left == 0 {
		r.err = io.EOF
		return
	}
	block, err, more := r.next()
	switch {
	case err != nil:
		r.err = errs.Wrap("read", display(r.path), err)
	case !more || int64(len(block)) > r.left:
		r.err = errBlocks(r.path)
	default:
		r.block = block
	}
}
