package store

import (
	"bytes"
	"context"
	"slices"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/tree"
)

// nodesPerUpdate keeps an update of nodes below kv.UpdateBulkBytesMax.
const nodesPerUpdate = kv.UpdateBulkBytesMax / wire.TreeNodeBytesMax / 2

// Nodes are the tree nodes that this peer has, by their hash. It is safe for
// concurrent use.
type Nodes struct{ kv kv.Store }

// NewNodes returns the nodes in a store.
func NewNodes(store kv.Store) *Nodes { return &Nodes{store} }

// Put stores nodes whose hashes the caller has checked. It does not sync; a
// caller that names their root somewhere durable syncs first. A batch of more
// than 512 is not atomic.
func (n *Nodes) Put(nodes []tree.Node) error {
	for batch := range slices.Chunk(nodes, nodesPerUpdate) {
		if err := n.kv.Update(func(w kv.Writer) error { return n.Write(w, batch) }); err != nil {
			return errs.Wrap("store tree nodes", "", classify(err))
		}
	}
	return nil
}

// Write stores nodes within an update of the caller's.
func (n *Nodes) Write(w kv.Writer, nodes []tree.Node) error {
	for _, node := range nodes {
		if err := w.Set(nodeKey(node.Hash), node.Bytes); err != nil {
			return err
		}
	}
	return nil
}

// Node returns the node with this hash, which it checks. It satisfies
// tree.Source. Errors: ErrNotFound, ErrDamaged, that of ctx.
func (n *Nodes) Node(ctx context.Context, h wire.NodeHash) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var node []byte
	err := n.kv.View(func(r kv.Reader) error {
		return r.Get(nodeKey(h), func(v []byte) error { node = bytes.Clone(v); return nil })
	})
	if err == nil && wire.NodeHash(wire.Derive(wire.ContextNode, node)) != h {
		err = fail(ErrDamaged, "it has another hash")
	}
	if err != nil {
		return nil, errs.Wrap("read tree node", h.String(), classify(err))
	}
	return node, nil
}
