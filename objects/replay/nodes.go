package replay

import (
	"context"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/tree"
)

// nodesBytesMax is how many bytes of tree nodes a replay keeps: it needs those
// of the present state, which nobody else may have, and cannot tell them from
// those of earlier ones but by when they were last used.
const nodesBytesMax = 128 << 20

// nodes keeps what was made or read last, in two generations, each half of the
// limit: when the younger is full the older is dropped.
type nodes struct {
	source     tree.Source
	young, old map[wire.NodeHash][]byte
	bytes      int // of young
	bytesMax   int // of each
}

func newNodes(source tree.Source) *nodes {
	return &nodes{source: source, young: make(map[wire.NodeHash][]byte), bytesMax: nodesBytesMax / 2}
}

func (n *nodes) add(made []tree.Node) {
	for _, m := range made {
		n.keep(m.Hash, m.Bytes)
	}
}

func (n *nodes) keep(h wire.NodeHash, b []byte) {
	if _, here := n.young[h]; here {
		return
	}
	if n.bytes += len(b); n.bytes > n.bytesMax {
		n.old, n.young, n.bytes = n.young, make(map[wire.NodeHash][]byte), len(b)
	}
	n.young[h] = b
}

// Node implements tree.Source.
func (n *nodes) Node(ctx context.Context, h wire.NodeHash) ([]byte, error) {
	if b, here := n.young[h]; here {
		return b, nil
	}
	b, here := n.old[h]
	if !here {
		var err error
		if b, err = n.source.Node(ctx, h); err != nil {
			return nil, err
		}
	}
	n.keep(h, b)
	return b, nil
}
