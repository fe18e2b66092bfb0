package update

import (
	"slices"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/tree"
)

// at returns the state of a retained version.
func (c *clause) at(v wire.Version) (*tree.Map, error) {
	if err := c.spend(); err != nil {
		return nil, err
	}
	if v == c.batch.env.Version-1 {
		return c.batch.state, nil
	}
	info, found, err := get(c.ctx, c.next, VersionKey(v), ParseVersionInfo)
	if err != nil {
		return nil, err
	}
	if !found || info.Root.IsZero() {
		return nil, fail(ReasonMissing)
	}
	return c.batch.state.At(info.Root), nil
}

// copyDir sets in one directory the entries that another had. Both are given
// by the prefix of their keys.
func (c *clause) copyDir(from, to []byte, v wire.Version) error {
	old, err := c.at(v)
	if err != nil {
		return err
	}
	lo, hi := prefixRange(from)
	entries, err := c.collect(old, lo, hi)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := c.set(slices.Concat(to, e.Key[len(from):]), e.Value); err != nil {
			return err
		}
	}
	return nil
}

// copyFile gives an empty file the blocks that another had.
func (c *clause) copyFile(from, to []byte, v wire.Version) error {
	old, err := c.at(v)
	if err != nil {
		return err
	}
	if _, found, err := old.Get(c.ctx, from); err != nil {
		return err
	} else if !found {
		return fail(ReasonMissing)
	}
	target, err := c.file(to)
	if err != nil {
		return err
	}
	if target.Blocks > 0 {
		return fail(ReasonExists)
	}
	blocks, err := c.blocks(old, from)
	if err != nil {
		return err
	}
	return c.extend(to, target, blocks)
}

// blocks returns the blocks of a file in an old state.
func (c *clause) blocks(old *tree.Map, k []byte) ([]BlockRef, error) {
	file, err := ParseFileKey(k)
	if err != nil {
		return nil, err
	}
	lo, hi := BlockRange(file)
	entries, err := c.collect(old, lo, hi)
	if err != nil {
		return nil, err
	}
	blocks := make([]BlockRef, 0, len(entries))
	for _, e := range entries {
		ref, err := ParseBlockRef(e.Value)
		if err != nil {
			return nil, err
		}
		blocks = append(blocks, ref)
	}
	return blocks, nil
}
