package objects

import (
	"context"
	"fmt"
	"io"
	"iter"
	"math"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/update"
)

// ReadFile writes a range of a file's content to w: length bytes from offset,
// or to the end if length is negative. Each byte has been checked before it is
// written. A range beyond the end is cut.
func (s *Snapshot) ReadFile(ctx context.Context, file *Entry, offset, length int64, w io.Writer) error {
	if length < 0 || length > file.Size-offset {
		length = max(file.Size-offset, 0)
	}
	skip, err := s.writeBlocks(ctx, file, offset, length, w)
	if err == nil && skip != length {
		err = errs.Newf("read", display(file.Path), errs.Damaged, "the blocks have %d of %d bytes", skip, length)
	}
	return err
}

func (s *Snapshot) writeBlocks(ctx context.Context, file *Entry, offset, length int64, w io.Writer) (written int64, err error) {
	if length == 0 {
		return 0, nil
	}
	first := int64(-1) // where the first block read begins
	refs := s.refs(ctx, file, offset, offset+length, func(at int64) {
		if first < 0 {
			first = at
		}
	})
	for plain, err := range s.blocks(ctx, refs) {
		if err != nil {
			return written, err
		}
		if written == 0 {
			plain = plain[min(offset-first, int64(len(plain))):]
		}
		plain = plain[:min(int64(len(plain)), length-written)]
		n, err := w.Write(plain)
		written += int64(n)
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// refs yields the blocks of a file that hold bytes of [from, to), and tells at
// which offset each begins. They lie side by side and cover the range: a state
// in which they do not is damaged.
func (s *Snapshot) refs(ctx context.Context, file *Entry, from, to int64, starts func(at int64)) iter.Seq2[wanted, error] {
	return func(yield func(wanted, error) bool) {
		lo, hi := blockKeys(file.ID, from, to)
		secrets := file.Key.Secrets()
		next := int64(-1) // where the next block must begin; the first may begin before from
		for e, err := range s.state.Scan(ctx, lo, hi) {
			if err != nil {
				yield(wanted{}, err)
				return
			}
			at, ref, err := parseBlock(e.Key, e.Value)
			if err != nil {
				yield(wanted{}, errs.New("read", display(file.Path), errs.Damaged, err))
				return
			}
			end := at + int64(ref.Length)
			if next < 0 && end <= from {
				continue
			}
			if next < 0 && at > from || next >= 0 && at != next || end > file.Size {
				yield(wanted{}, errBlocks(file.Path))
				return
			}
			next = end
			starts(at)
			if !yield(wanted{ref, &secrets}, nil) {
				return
			}
		}
		if max(next, from) < to {
			yield(wanted{}, errBlocks(file.Path))
		}
	}
}

// blockKeys returns the range of keys of the blocks that can hold bytes of
// [from, to). A block has at most BlockBytesMax bytes, so the one that holds
// byte from begins at most that far before it.
func blockKeys(file wire.NodeID, from, to int64) (lo, hi []byte) {
	return update.BlockKey(file, uint64(max(from-wire.BlockBytesMax+1, 0))), update.BlockKey(file, uint64(to))
}

func errBlocks(path string) error {
	return errs.Newf("read", display(path), errs.Damaged, "its blocks do not add up to its size")
}

func parseBlock(key, value []byte) (at int64, ref update.BlockRef, err error) {
	_, offset, err := update.ParseBlockKey(key)
	if err != nil {
		return 0, ref, err
	}
	if offset > math.MaxInt64-wire.BlockBytesMax {
		return 0, ref, fmt.Errorf("block at offset %d", offset)
	}
	ref, err = update.ParseBlockRef(value)
	return int64(offset), ref, err
}
