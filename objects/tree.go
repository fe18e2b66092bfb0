package objects

import (
	"cmp"
	"context"
	"io"
	"iter"
	"slices"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/objects/update"
)

// Sorted yields all entries below a directory, each directory before what is
// in it, the entries of each ascending by the bytes of their names. It holds
// the entries of the directories along one path in memory.
func (s *Snapshot) Sorted(ctx context.Context, dir *Entry, recursive bool) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		s.sorted(ctx, dir, recursive, 0, yield)
	}
}

func (s *Snapshot) sorted(ctx context.Context, dir *Entry, recursive bool, depth int, yield func(*Entry, error) bool) bool {
	if depth > depthMax {
		yield(nil, errs.Newf("list", display(dir.Path), errs.Damaged, "directories are nested more than %d deep", depthMax))
		return false
	}
	var entries []*Entry
	for e, err := range s.List(ctx, dir) {
		if err != nil {
			yield(nil, err)
			return false
		}
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b *Entry) int { return cmp.Compare(a.Name, b.Name) })
	for _, e := range entries {
		if !yield(e, nil) {
			return false
		}
		if recursive && e.IsDir() && !s.sorted(ctx, e, true, depth+1, yield) {
			return false
		}
	}
	return true
}

// Limits of what ReadTree looks ahead: enough that files which lie side by side
// in an extent are fetched together.
const (
	aheadEntriesMax = 512
	aheadBytesMax   = 32 << 20
)

// ReadTree calls fn for every entry below a directory in the order of Sorted.
// content reads a file, to io.EOF after its last byte; it is nil for other
// kinds and ends with the call.
func (s *Snapshot) ReadTree(ctx context.Context, dir *Entry, fn func(e *Entry, content io.Reader) error) error {
	var ahead []*Entry
	var bytes int64
	for e, err := range s.Sorted(ctx, dir, true) {
		if err != nil {
			return err
		}
		ahead, bytes = append(ahead, e), bytes+e.Size
		if len(ahead) == aheadEntriesMax || bytes >= aheadBytesMax {
			if err := s.readEntries(ctx, ahead, fn); err != nil {
				return err
			}
			ahead, bytes = ahead[:0], 0
		}
	}
	return s.readEntries(ctx, ahead, fn)
}

// readEntries reads the content of several entries as one stream of blocks.
func (s *Snapshot) readEntries(ctx context.Context, entries []*Entry, fn func(*Entry, io.Reader) error) error {
	next, stop := iter.Pull2(s.blocks(ctx, s.refsOf(ctx, entries)))
	defer stop()
	for _, e := range entries {
		if e.Kind != update.KindFile {
			if err := fn(e, nil); err != nil {
				return err
			}
			continue
		}
		content := &blockReader{next: next, left: e.Size, path: e.Path}
		if err := fn(e, content); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			return err
		}
	}
	return nil
}

// refsOf yields the blocks of several files, one file after the other.
func (s *Snapshot) refsOf(ctx context.Context, entries []*Entry) iter.Seq2[wanted, error] {
	return func(yield func(wanted, error) bool) {
		for _, e := range entries {
			if e.Kind != update.KindFile {
				continue
			}
			for w, err := range s.refs(ctx, e, 0, e.Size, func(int64) {}) {
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
