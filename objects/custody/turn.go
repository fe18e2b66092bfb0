package custody

import (
	"bytes"
	"slices"

	"github.com/atollnet/atoll/internal/wire"
)

const contextTurn wire.Context = "atoll/v1/custodian-turn"

// Turn returns how many other custodians come before self for an extent: the
// first repairs at once, each further one only if those before it have had
// their time and it still wants repair. custodians are those that answer, in
// any order, self among them or not. The order differs between extents, so the
// work is shared, and everybody computes the same one.
func Turn(extent wire.ExtentID, custodians []wire.PeerID, self wire.PeerID) int {
	mine := turnHash(extent, self)
	before := 0
	for i, c := range custodians {
		if c == self || slices.Contains(custodians[:i], c) {
			continue
		}
		if h := turnHash(extent, c); bytes.Compare(h[:], mine[:]) < 0 {
			before++
		}
	}
	return before
}

func turnHash(extent wire.ExtentID, p wire.PeerID) [wire.HashSize]byte {
	return wire.Derive(contextTurn, extent[:], p[:])
}
