package update

import (
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

// PolicyBytesMax is the most bytes of an encoded policy: a genesis holds one.
const PolicyBytesMax = 1 << 10

// Policy is the value of the `m` key: what the owner wants of the object.
type Policy struct {
	_      struct{} `cbor:",toarray"`
	Format uint64   // 1
	// Nines is the durability asked of each extent and year, as the number of
	// nines; 0 leaves it to the planner.
	Nines uint8
	// K and N fix the code of large extents; 0 and 0 leave it to the planner.
	K, N uint8
	// EnoughNumerator / EnoughDenominator is the part of an extent's parity
	// shares that must have receipts before the ring accepts it.
	EnoughNumerator, EnoughDenominator uint8
	// RingSize is how many peers order the object: 3f+1.
	RingSize uint8
	// RetainVersions is how many versions are kept; 0 keeps all.
	RetainVersions uint64
}

// DefaultPolicy returns the policy of a new volume: what the planner says, k
// and two thirds of the parity, a ring of four, all versions.
func DefaultPolicy() Policy {
	return Policy{Format: 1, EnoughNumerator: 2, EnoughDenominator: 3, RingSize: 4}
}

// Encode returns the value.
func (p Policy) Encode() []byte { return wire.Marshal(p) }

// ParsePolicy parses the value of the `m` key.
func ParsePolicy(b []byte) (Policy, error) { return parse[Policy](b) }

func (p *Policy) valid() error {
	switch {
	case p.Format != 1:
		return fmt.Errorf("policy of format %d", p.Format)
	case p.K > p.N || p.K == 0 && p.N > 0:
		return fmt.Errorf("policy asks for %d of %d shares", p.K, p.N)
	case p.EnoughDenominator == 0 || p.EnoughNumerator > p.EnoughDenominator:
		return fmt.Errorf("policy asks for %d/%d of the parity", p.EnoughNumerator, p.EnoughDenominator)
	case p.RingSize == 0 || p.RingSize > wire.RingMembersMax || p.RingSize%3 != 1:
		return fmt.Errorf("policy asks for a ring of %d", p.RingSize)
	}
	return nil
}

// Enough returns how many shares of a (k, n) extent need receipts, if they are
// from so many distinct holders. A holder that is alone needs to keep no more
// than k: all are lost with it.
func (p Policy) Enough(k, n, holders int) int {
	if holders <= 1 {
		return k
	}
	num, den := int(p.EnoughNumerator), int(p.EnoughDenominator)
	return k + (num*(n-k)+den-1)/den
}
