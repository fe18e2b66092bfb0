package objects

import (
	"context"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/archive"
	"github.com/atollnet/atoll/objects/transfer"
	"github.com/atollnet/atoll/objects/tree"
	"github.com/atollnet/atoll/objects/update"
)

// ExtentsAt calls fn for every extent that a version of an object refers to,
// with its code and those who took its shares when it was written; those of the
// tree's archive, with no code, first.
func (g *Gateway) ExtentsAt(ctx context.Context, object wire.ObjectID, head Head, fn func(source transfer.Source, k, n int) error) error {
	for i := range head.Hint.Extents {
		if err := fn(head.Hint.Source(i), 0, 0); err != nil {
			return err
		}
	}
	if head.Root.IsZero() {
		return nil // the genesis refers to none
	}
	nodes := archive.NewReader(object, g.Nodes, g.Ring, g.Fetcher, head.Hint)
	for x, err := range update.Extents(ctx, tree.Load(nodes, head.Root)) {
		if err != nil {
			return err
		}
		if err := fn(firstHolders(x), int(x.K), int(x.N)); err != nil {
			return err
		}
	}
	return nil
}
