package wire

import "encoding/binary"

// What is parsed on every step of every path is written and read by hand,
// without reflection: heads, byte strings and arrays of canonical CBOR, byte for
// byte what Marshal writes.

// CBOR major types.
const (
	MajorUint  = 0
	MajorBytes = 2
	MajorArray = 4
)

// HeadSize returns the bytes of a CBOR head with argument v.
func HeadSize(v uint64) int {
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

// AppendHead appends a CBOR head in its shortest form.
func AppendHead(b []byte, major byte, v uint64) []byte {
	major <<= 5
	switch HeadSize(v) {
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

// Parser reads canonical CBOR of these major types. The first thing that is
// wrong ends it: later reads return zero, and Good says so.
type Parser struct {
	rest []byte
	bad  bool
}

// NewParser returns a parser of b.
func NewParser(b []byte) Parser { return Parser{rest: b} }

// Good reports whether everything read so far was there and canonical.
func (p *Parser) Good() bool { return !p.bad }

// Fail says that what was read is wrong in a way that the parser cannot see.
func (p *Parser) Fail() { p.bad = true }

// Left returns how many bytes have not been read.
func (p *Parser) Left() int { return len(p.rest) }

// Uint reads an unsigned number.
func (p *Parser) Uint() uint64 { return p.head(MajorUint) }

// UintMax reads an unsigned number that must not exceed max.
func (p *Parser) UintMax(max uint64) uint64 {
	v := p.Uint()
	if v > max {
		p.bad = true
		return 0
	}
	return v
}

// Count reads the head of an array and returns the number of its elements,
// which the caller bounds.
func (p *Parser) Count() uint64 { return p.head(MajorArray) }

// Array reads the head of an array that must have n elements.
func (p *Parser) Array(n uint64) {
	if p.Count() != n {
		p.bad = true
	}
}

// Bytes reads a byte string of at most max bytes, which it does not copy.
func (p *Parser) Bytes(max int) []byte {
	n := p.head(MajorBytes)
	if p.bad || n > uint64(max) || n > uint64(len(p.rest)) {
		p.bad = true
		return nil
	}
	b := p.rest[:n:n]
	p.rest = p.rest[n:]
	return b
}

// head reads a head of the given major type in its shortest form.
func (p *Parser) head(major byte) uint64 {
	if p.bad || len(p.rest) == 0 || p.rest[0]>>5 != major {
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
	if p.bad || HeadSize(v) != size {
		p.bad = true
		return 0
	}
	p.rest = p.rest[size:]
	return v
}

// number reads the argument of a head of size bytes without consuming it.
func (p *Parser) number(size int) (v uint64) {
	if len(p.rest) < size {
		p.bad = true
		return 0
	}
	for _, b := range p.rest[1:size] {
		v = v<<8 | uint64(b)
	}
	return v
}
