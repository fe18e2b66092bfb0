package archive

import (
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/tree"
)

const (
	// packBytesMax is the most bytes of one pack: what a reader fetches to get
	// one node, and what it gains in neighbours.
	packBytesMax = 256 << 10
	// indexNodesMax is the most nodes of one archive extent, so that its index
	// fits a block.
	indexNodesMax = 16 << 10
	// extentPacksMax is the most packs of one archive extent, beside its index.
	extentPacksMax = 31

	indexFormat = 1
)

// ErrIndex is returned for an archive extent whose index is not one.
var ErrIndex = errors.New("bad archive index")

type index struct {
	_      struct{} `cbor:",toarray"`
	Format uint64
	Nodes  []indexEntry
}

// indexEntry says where in its extent a node lies.
type indexEntry struct {
	_      struct{} `cbor:",toarray"`
	Hash   wire.NodeHash
	Stripe uint8
	Offset uint32
	Length uint32
}

// layout is the content of one archive extent: its packs and their index.
type layout struct {
	packs [][]byte
	index index
}

// lay arranges nodes in as few extents as hold them, in the given order: nodes
// committed together are read together.
func lay(nodes []tree.Node) []*layout {
	var all []*layout
	for _, n := range nodes {
		if len(all) == 0 || !all[len(all)-1].add(n) {
			l := &layout{index: index{Format: indexFormat}}
			l.add(n)
			all = append(all, l)
		}
	}
	return all
}

// add appends a node and reports whether there was room for it.
func (l *layout) add(n tree.Node) bool {
	last := len(l.packs) - 1
	if last < 0 || len(l.packs[last])+len(n.Bytes) > packBytesMax {
		if len(l.packs) == extentPacksMax {
			return false
		}
		l.packs = append(l.packs, nil)
		last++
	}
	if len(l.index.Nodes) == indexNodesMax {
		return false
	}
	l.index.Nodes = append(l.index.Nodes, indexEntry{
		Hash: n.Hash, Stripe: uint8(last), Offset: uint32(len(l.packs[last])), Length: uint32(len(n.Bytes)),
	})
	l.packs[last] = append(l.packs[last], n.Bytes...)
	return true
}

// stripes returns the extent's stripes: the packs, then the index.
func (l *layout) stripes() [][]byte {
	return append(l.packs[:len(l.packs):len(l.packs)], wire.Marshal(l.index))
}

// parseIndex parses the last of an extent's stripes.
func parseIndex(b []byte, stripes int) (index, error) {
	var x index
	if err := wire.Unmarshal(b, &x, wire.SealedBytesMax); err != nil {
		return index{}, fmt.Errorf("%w: %v", ErrIndex, err)
	}
	if x.Format != indexFormat || len(x.Nodes) > indexNodesMax {
		return index{}, fmt.Errorf("%w: format %d, %d nodes", ErrIndex, x.Format, len(x.Nodes))
	}
	var before indexEntry
	for i, e := range x.Nodes {
		// Back to back, or a few bytes of a pack could stand for many nodes.
		next := e.Stripe == before.Stripe && e.Offset == before.Offset+before.Length ||
			i > 0 && e.Stripe == before.Stripe+1 && e.Offset == 0
		if !next || int(e.Stripe) >= stripes-1 || e.Length == 0 || e.Length > wire.TreeNodeBytesMax || e.Offset+e.Length > packBytesMax {
			return index{}, fmt.Errorf("%w: node %v lies outside its pack or in another node", ErrIndex, e.Hash)
		}
		before = e
	}
	return x, nil
}

// unpack returns the nodes that x places in a stripe and that are what their
// hashes say; others are left out.
func (x index) unpack(stripe int, pack []byte) []tree.Node {
	var nodes []tree.Node
	for _, e := range x.Nodes {
		end := uint64(e.Offset) + uint64(e.Length)
		if int(e.Stripe) != stripe || end > uint64(len(pack)) {
			continue
		}
		b := pack[e.Offset:end]
		if wire.NodeHash(wire.Derive(wire.ContextNode, b)) == e.Hash {
			nodes = append(nodes, tree.Node{Hash: e.Hash, Bytes: b})
		}
	}
	return nodes
}
