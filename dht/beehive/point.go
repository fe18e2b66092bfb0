package beehive

import (
	"bytes"
	"math/bits"
)

const (
	// Base is how many values a digit has: on Kademlia, single bits would cost
	// twenty times the copies.
	Base      = 1 << digitBits
	digitBits = 4
	// Digits is how many a Point has.
	Digits = len(Point{}) * 8 / digitBits
)

// Point is where a peer or a key lies: its SHA-256, as Kademlia has it.
type Point [32]byte

// Digit returns digit i, the first being the most significant.
func (p Point) Digit(i int) int {
	if i%2 == 0 {
		return int(p[i/2] >> digitBits)
	}
	return int(p[i/2] & (Base - 1))
}

// Shared returns how many digits two points have in common before they differ.
func (p Point) Shared(q Point) int {
	for i := range p {
		if d := p[i] ^ q[i]; d != 0 {
			return (8*i + bits.LeadingZeros8(d)) / digitBits
		}
	}
	return Digits
}

// Nearer reports whether a is nearer to p than b is.
func (p Point) Nearer(a, b Point) bool {
	for i := range p {
		a[i] ^= p[i]
		b[i] ^= p[i]
	}
	return bytes.Compare(a[:], b[:]) < 0
}
