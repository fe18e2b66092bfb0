package store

import (
	"github.com/atollnet/atoll/internal/wire"
)

// Keys begin with a byte for their user (package kv) and, for shares, one for
// their class. Identifiers follow in full, so a prefix scan finds what belongs
// together.
const (
	sharesPrefix = 'p'
	nodesPrefix  = 't'

	classManifest = 'm' // extent → manifest
	classShare    = 's' // extent, index → record
	classOutboard = 'o' // extent, index → outboard
	classPiece    = 'b' // extent, index, piece → bytes
	classLease    = 'l' // extent, index, object → lease
	classDamaged  = 'x' // extent, index → nothing
	classUptime   = 'u' // seconds, 8 bytes
	classDeleted  = 'd' // object → its number, 8 bytes
	classScrubbed = 'v' // nothing → extent, index
	classDenied   = 'n' // kind, object or extent → denial
)

func shareKey(class byte, id wire.ExtentID, index int) []byte {
	return append(append([]byte{sharesPrefix, class}, id[:]...), byte(index))
}

func manifestKey(id wire.ExtentID) []byte {
	return append([]byte{sharesPrefix, classManifest}, id[:]...)
}

func pieceKey(id wire.ExtentID, index, piece int) []byte {
	return append(shareKey(classPiece, id, index), byte(piece))
}

func leaseKey(id wire.ExtentID, index int, object wire.ObjectID) []byte {
	return append(shareKey(classLease, id, index), object[:]...)
}

var uptimeKey = []byte{sharesPrefix, classUptime}

func classKey(class byte) []byte { return []byte{sharesPrefix, class} }

func nodeKey(h wire.NodeHash) []byte { return append([]byte{nodesPrefix}, h[:]...) }

// extentOf returns the extent that a key of a class is about.
func extentOf(key []byte) (id wire.ExtentID, rest []byte, ok bool) {
	if len(key) < 2+len(id) {
		return id, nil, false
	}
	return wire.ExtentID(key[2 : 2+len(id)]), key[2+len(id):], true
}
