package tree

import (
	"bytes"
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

// The encoding is the canonical CBOR that wire.Marshal would write of
//
//	[level, deleted, [[key, value, changed], …]]
//
// but by hand: nodes are parsed on every step of every path, and the parsed
// items share the memory of the encoding.

func bytesSize(n int) int { return wire.HeadSize(uint64(n)) + n }

// size returns the encoded bytes of the item.
func (it *item) size() int {
	value := len(it.value)
	if it.child != nil {
		value = wire.HashSize
	}
	return 1 + bytesSize(len(it.key)) + bytesSize(value) + wire.HeadSize(uint64(it.changed))
}

// size returns the encoded bytes of the node.
func (n *node) size() int {
	if n.bytes > 0 {
		return n.bytes
	}
	size := 1 + wire.HeadSize(uint64(n.level)) + wire.HeadSize(uint64(n.deleted)) + wire.HeadSize(uint64(len(n.items)))
	for i := range n.items {
		size += n.items[i].size()
	}
	return size
}

// encode returns the encoding of a node whose children all have hashes.
func (n *node) encode() []byte {
	b := make([]byte, 0, n.size())
	b = wire.AppendHead(b, wire.MajorArray, 3)
	b = wire.AppendHead(b, wire.MajorUint, uint64(n.level))
	b = wire.AppendHead(b, wire.MajorUint, uint64(n.deleted))
	b = wire.AppendHead(b, wire.MajorArray, uint64(len(n.items)))
	for i := range n.items {
		it := &n.items[i]
		b = wire.AppendHead(b, wire.MajorArray, 3)
		b = append(wire.AppendHead(b, wire.MajorBytes, uint64(len(it.key))), it.key...)
		b = append(wire.AppendHead(b, wire.MajorBytes, uint64(len(it.value))), it.value...)
		b = wire.AppendHead(b, wire.MajorUint, uint64(it.changed))
	}
	return b
}

// itemOf reads an item.
func itemOf(p *wire.Parser) item {
	p.Array(3)
	return item{
		key:     p.Bytes(wire.TreeKeyBytesMax),
		value:   p.Bytes(wire.TreeValueBytesMax),
		changed: wire.Version(p.Uint()),
	}
}

// itemBytesMin is the least encoding of an item: four heads and a key of one
// byte. It bounds the room that a count in a hostile node can claim.
const itemBytesMin = 5

// parse reads a node. The result aliases b.
func parse(b []byte) (*node, error) {
	if len(b) > wire.TreeNodeBytesMax {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", ErrNode, len(b), wire.TreeNodeBytesMax)
	}
	p := wire.NewParser(b)
	p.Array(3)
	level := p.Uint()
	n := &node{deleted: wire.Version(p.Uint())}
	count := p.Count()
	if !p.Good() || level > LevelMax || count > uint64(p.Left()/itemBytesMin) {
		return nil, fmt.Errorf("%w: bad head", ErrNode)
	}
	n.level = uint8(level)
	n.items = make([]item, 0, count)
	for range count {
		n.items = append(n.items, itemOf(&p))
	}
	if !p.Good() || p.Left() > 0 {
		return nil, fmt.Errorf("%w: not canonical", ErrNode)
	}
	n.newest = n.changed()
	n.bytes = len(b)
	return n, n.valid()
}

// valid checks what the encoding alone can show.
func (n *node) valid() error {
	if len(n.items) < 1 || n.level > 0 && len(n.items) < 2 {
		return fmt.Errorf("%w: %d items at level %d", ErrNode, len(n.items), n.level)
	}
	for i := range n.items {
		it := &n.items[i]
		switch {
		case len(it.key) == 0:
			return fmt.Errorf("%w: empty key", ErrNode)
		case i > 0 && bytes.Compare(n.items[i-1].key, it.key) >= 0:
			return fmt.Errorf("%w: keys out of order", ErrNode)
		case n.level > 0 && len(it.value) != wire.HashSize:
			return fmt.Errorf("%w: child pointer of %d bytes", ErrNode, len(it.value))
		}
	}
	return nil
}
