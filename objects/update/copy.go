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
	// Both may be the same, so what is set does not change what is read.
	lo, hi := prefixRange(from)
	for e, err := range old.Scan(c.ctx, lo, hi) {
		if err != nil {
			return err
		}
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
	source, err := ParseFileKey(from)
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
	blocks := func(yield func(BlockRef, error) bool) {
		lo, hi := BlockRange(source)
		for e, err := range old.Scan(c.ctx, lo, hi) {
			var ref BlockRef
			if err == nil {
				ref, err = ParseBlockRef(e.Value)
			}
			if !yield(ref, err) {
				return
			}
		}
	}
	return c.extend(to, target, blocks)
}
