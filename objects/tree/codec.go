package tree

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

// The encoding is the canonical CBOR that wire.Marshal would write of
//
//	[level, deleted, [[key, value, changed], …]]
//
// but by hand: nodes are parsed on every step of every path, and the parsed
// items share the memory of the encoding.

// CBOR major types.
const (
	majorUint  = 0
	majorBytes = 2
	majorArray = 4
)

// headSize returns the bytes of a CBOR head with argument v.
func headSize(v uint64) int {
	switch {
	case v < 24:
		return 1
	case v < 1<<8:
		return 2
	case v < 1<<16:
		return 3
	case v < 1<<32:
		return 5
	}
	return 9
}

func appendHead(b []byte, major byte, v uint64) []byte {
	major <<= 5
	switch headSize(v) {
	case 1:
		return append(b, major|byte(v))
	case 2:
		return append(b, major|24, byte(v))
	case 3:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(v))
	case 5:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(v))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), v)
}

func bytesSize(n int) int { return headSize(uint64(n)) + n }

// size returns the encoded bytes of the item.
func (it *item) size() int {
	value := len(it.value)
	if it.child != nil {
		value = wire.HashSize
	}
	return 1 + bytesSize(len(it.key)) + bytesSize(value) + headSize(uint64(it.changed))
}

// size returns the encoded bytes of the node.
func (n *node) size() int {
	size := 1 + headSize(uint64(n.level)) + headSize(uint64(n.deleted)) + headSize(uint64(len(n.items)))
	for i := range n.items {
		size += n.items[i].size()
	}
	return size
}

// encode returns the encoding of a node whose children all have hashes.
func (n *node) encode() []byte {
	b := make([]byte, 0, n.size())
	b = appendHead(b, majorArray, 3)
	b = appendHead(b, majorUint, uint64(n.level))
	b = appendHead(b, majorUint, uint64(n.deleted))
	b = appendHead(b, majorArray, uint64(len(n.items)))
	for i := range n.items {
		it := &n.items[i]
		b = appendHead(b, majorArray, 3)
		b = append(appendHead(b, majorBytes, uint64(len(it.key))), it.key...)
		b = append(appendHead(b, majorBytes, uint64(len(it.value))), it.value...)
		b = appendHead(b, majorUint, uint64(it.changed))
	}
	return b
}

// parser reads the canonical subset that nodes use. The first thing that is
// wrong ends it: later reads return zero.
type parser struct {
	rest []byte
	bad  bool
}

// head reads a head of the given major type in its shortest form.
func (p *parser) head(major byte) uint64 {
	if len(p.rest) == 0 || p.rest[0]>>5 != major {
		p.bad = true
		return 0
	}
	var v uint64
	size := 1
	switch low := p.rest[0] & 31; {
	case low < 24:
		v = uint64(low)
	case low <= 27:
		size = 1 + 1<<(low-24)
		v = p.number(size)
	default:
		p.bad = true
	}
	if p.bad || headSize(v) != size {
		p.bad = true
		return 0
	}
	p.rest = p.rest[size:]
	return v
}

// number reads the argument of a head of size bytes without consuming it.
func (p *parser) number(size int) (v uint64) {
	if len(p.rest) < size {
		p.bad = true
		return 0
	}
	for _, b := range p.rest[1:size] {
		v = v<<8 | uint64(b)
	}
	return v
}

// bytes reads a byte string of at most limit bytes, which it does not copy.
func (p *parser) bytes(limit int) []byte {
	n := p.head(majorBytes)
	if p.bad || n > uint64(limit) || n > uint64(len(p.rest)) {
		p.bad = true
		return nil
	}
	b := p.rest[:n:n]
	p.rest = p.rest[n:]
	return b
}

// array reads the head of an array that must have n elements.
func (p *parser) array(n uint64) {
	if p.head(majorArray) != n {
		p.bad = true
	}
}

func (p *parser) item() item {
	p.array(3)
	return item{
		key:     p.bytes(wire.TreeKeyBytesMax),
		value:   p.bytes(wire.TreeValueBytesMax),
		changed: wire.Version(p.head(majorUint)),
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
	p := parser{rest: b}
	p.array(3)
	level := p.head(majorUint)
	n := &node{deleted: wire.Version(p.head(majorUint))}
	count := p.head(majorArray)
	if p.bad || level > LevelMax || count > uint64(len(p.rest)/itemBytesMin) {
		return nil, fmt.Errorf("%w: bad head", ErrNode)
	}
	n.level = uint8(level)
	n.items = make([]item, 0, count)
	for range count {
		n.items = append(n.items, p.item())
	}
	if p.bad || len(p.rest) > 0 {
		return nil, fmt.Errorf("%w: not canonical", ErrNode)
	}
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
