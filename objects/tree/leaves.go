package tree

import "github.com/atollnet/atoll/internal/wire"

// Leaves returns the names of the leaves that an encoded node points at, in the
// order of their keys; none for a leaf and for a node higher up. Who reads such
// a node often reads its leaves next. The error matches ErrNode.
func Leaves(b []byte) ([]wire.NodeHash, error) {
	n, err := parse(b)
	if err != nil || n.level != 1 {
		return nil, err
	}
	names := make([]wire.NodeHash, len(n.items))
	for i := range n.items {
		names[i] = wire.NodeHash(n.items[i].value)
	}
	return names, nil
}
