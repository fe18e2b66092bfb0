package update

import (
	"fmt"
	"iter"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/tree"
)

// errCounts is returned for counters that no execution can have left so: the
// state is damaged.
var errCounts = fmt.Errorf("%w: counters of the state do not add up", ErrValue)

// file reads the size and counts of a file; of one that is not there they are
// zero.
func (c *clause) file(k []byte) (FileInfo, error) {
	if err := c.spend(); err != nil {
		return FileInfo{}, err
	}
	f, _, err := get(c.ctx, c.next, k, ParseFileInfo)
	return f, err
}

// putFile writes them, or removes what says nothing.
func (c *clause) putFile(k []byte, f FileInfo) error {
	if f == (FileInfo{}) {
		c.next.Delete(k)
		return nil
	}
	return c.next.Set(k, f.Encode())
}

// link changes how many directory entries name a file by one. The first one
// makes an empty file.
func (c *clause) link(entry DirEntry, by int64) error {
	if entry.Kind != KindFile {
		return nil
	}
	k := FileKey(entry.Child)
	f, err := c.file(k)
	if err != nil {
		return err
	}
	if by < 0 && f.Links == 0 {
		return errCounts
	}
	f.Links += uint64(by)
	return c.putFile(k, f)
}

// append adds blocks to the end of a file.
func (c *clause) append(a *Action) error {
	f, err := c.file(a.Key)
	if err != nil {
		return err
	}
	return c.extend(a.Key, f, each(a.Blocks))
}

// each yields blocks that are at hand.
func each(blocks []BlockRef) iter.Seq2[BlockRef, error] {
	return func(yield func(BlockRef, error) bool) {
		for _, ref := range blocks {
			if !yield(ref, nil) {
				return
			}
		}
	}
}

// extend puts blocks at the end of a file that has the given facts.
func (c *clause) extend(k []byte, f FileInfo, blocks iter.Seq2[BlockRef, error]) error {
	file, err := ParseFileKey(k)
	if err != nil {
		return err
	}
	for ref, err := range blocks {
		if err != nil {
			return err
		}
		if err := c.putBlock(BlockKey(file, f.Size), &ref); err != nil {
			return err
		}
		f.Size += uint64(ref.Length)
		f.Blocks++
		if f.Size > FileBytesMax {
			return fail(ReasonTooLarge)
		}
	}
	return c.putFile(k, f)
}

// putBlock sets one block where there is none, and counts the reference.
func (c *clause) putBlock(k []byte, ref *BlockRef) error {
	if err := c.spend(); err != nil {
		return err
	}
	if err := c.refer(ref); err != nil {
		return err
	}
	return c.next.Set(k, ref.Encode())
}

// splice replaces a part of a file.
func (c *clause) splice(a *Action) error {
	f, err := c.file(a.Key)
	if err != nil {
		return err
	}
	file, err := ParseFileKey(a.Key)
	if err != nil {
		return err
	}
	for _, offset := range []uint64{a.From, a.Through} {
		if err := c.boundary(file, f.Size, offset); err != nil {
			return err
		}
	}
	out, err := c.takeBlocks(BlockKey(file, a.From), BlockKey(file, a.Through))
	if err != nil {
		return err
	}
	var tail []tree.Entry
	_, end := BlockRange(file)
	if plaintext(a.Blocks) != a.Through-a.From {
		tail, err = c.collect(c.next, BlockKey(file, a.Through), end)
		c.next.DeleteRange(BlockKey(file, a.Through), end)
	}
	if err != nil {
		return err
	}
	after := FileInfo{Size: a.From, Links: f.Links, Blocks: f.Blocks - uint64(out)}
	if err := c.extend(a.Key, after, each(a.Blocks)); err != nil {
		return err
	}
	return c.shift(a, f, after, tail)
}

// shift puts the tail of a file behind the blocks of a splice, and settles the
// facts of the file.
func (c *clause) shift(a *Action, before, after FileInfo, tail []tree.Entry) error {
	by := plaintext(a.Blocks) - (a.Through - a.From) // wraps if the file shrinks
	for _, e := range tail {
		if err := c.spend(); err != nil {
			return err
		}
		file, offset, err := ParseBlockKey(e.Key)
		if err != nil {
			return err
		}
		if err := c.next.Set(BlockKey(file, offset+by), e.Value); err != nil {
			return err
		}
	}
	after.Size = before.Size + by
	after.Blocks += uint64(len(a.Blocks))
	if after.Size > FileBytesMax {
		return fail(ReasonTooLarge)
	}
	return c.putFile(a.Key, after)
}

// boundary fails unless a block begins at the offset or the file ends there.
func (c *clause) boundary(file wire.NodeID, size, offset uint64) error {
	if err := c.spend(); err != nil {
		return err
	}
	if offset == size {
		return nil
	}
	_, found, err := c.next.Get(c.ctx, BlockKey(file, offset))
	if err == nil && !found {
		err = fail(ReasonBoundary)
	}
	return err
}

// takeBlocks removes the blocks of a range and their references, and returns
// how many they were.
func (c *clause) takeBlocks(lo, hi []byte) (int, error) {
	entries, err := c.collect(c.next, lo, hi)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		if err := c.unrefer(e.Value); err != nil {
			return 0, err
		}
	}
	c.next.DeleteRange(lo, hi)
	return len(entries), nil
}

// plaintext returns the bytes of plaintext in blocks.
func plaintext(blocks []BlockRef) (n uint64) {
	for i := range blocks {
		n += uint64(blocks[i].Length)
	}
	return n
}

// deleteFile removes a file that nothing names.
func (c *clause) deleteFile(k []byte) error {
	f, err := c.file(k)
	if err != nil {
		return err
	}
	if f.Links > 0 {
		return fail(ReasonLinked)
	}
	file, err := ParseFileKey(k)
	if err != nil {
		return err
	}
	lo, hi := BlockRange(file)
	if _, err := c.takeBlocks(lo, hi); err != nil {
		return err
	}
	c.next.Delete(k)
	c.next.Delete(ParentKey(file))
	return nil
}
