package store

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/tree"
)

func node(seed, size int) tree.Node {
	b := bytes.Repeat([]byte{byte(seed), byte(seed >> 8)}, size/2)
	return tree.Node{Hash: wire.NodeHash(wire.Derive(wire.ContextNode, b)), Bytes: b}
}

func TestNodes(t *testing.T) {
	var nodes []tree.Node
	for i := range 2*nodesPerUpdate + 3 {
		nodes = append(nodes, node(i, wire.TreeNodeBytesMax-i%2*15_000))
	}
	for name, store := range stores(t) {
		n := NewNodes(store)
		if err := n.Put(nodes); err != nil {
			t.Fatal(name, err)
		}
		for _, want := range nodes {
			if got, err := n.Node(t.Context(), want.Hash); err != nil || !bytes.Equal(got, want.Bytes) {
				t.Fatal(name, err)
			}
		}
		_, err := n.Node(t.Context(), wire.NodeHash{9})
		wantError(t, name, err, ErrNotFound, errs.NotFound)
	}
}

func TestDamagedNodeIsNotServed(t *testing.T) {
	store := kvtest.NewMemory()
	n := NewNodes(store)
	flipped, rotten := node(1, 5000), node(2, 5000)
	if err := n.Put([]tree.Node{flipped, rotten}); err != nil {
		t.Fatal(err)
	}
	store.Flip(nodeKey(flipped.Hash), 999)
	store.Rot(nodeKey(rotten.Hash))
	for _, h := range []wire.NodeHash{flipped.Hash, rotten.Hash} {
		_, err := n.Node(t.Context(), h)
		wantError(t, "node", err, ErrDamaged, errs.Damaged)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := n.Node(stopped, flipped.Hash); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
}
