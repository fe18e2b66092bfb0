package node

import (
	"bytes"
	"cmp"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/archive"
)

// compareHeads orders two head records by what they prove and, of two that prove
// the same, by up to which version their hints lead to an archive. A version has
// several records: that of the ring before it is archived, with the hint of the
// one before, and those of members that archived it. Whoever stays with the
// first looks for nodes where nobody looks after them any more.
//
// Hints are not signed. One that is made up can send readers astray, as it could
// before, but it cannot come before a true one for good: of two that claim as
// much neither is newer, and the last one that is put replaces the other.
func compareHeads(a, b bft.Verified, hintA, hintB []byte) int {
	if order := bft.Compare(a, b); order != 0 || bytes.Equal(hintA, hintB) {
		return order
	}
	version := a.Decision.Version
	return cmp.Compare(covered(hintA, version), covered(hintB, version))
}

// covered returns up to which version a hint of a head of some version leads; 0
// if it says nothing that can be.
func covered(hint []byte, version wire.Version) wire.Version {
	h, err := archive.ParseHint(hint)
	if err != nil || h.Version > version || len(h.Extents) == 0 {
		return 0
	}
	return h.Version
}
