package extent

import (
	"math/bits"

	"github.com/atollnet/atoll/internal/wire"
	"lukechampine.com/blake3/guts"
)

// groupBytes is 16 KiB, 16 chunks of BLAKE3: as many as its widest vectors
// hash at once, and the grain of range proofs.
const groupBytes = guts.MaxSIMD * guts.ChunkSize

// treeHeightMax bounds the tree of a share, in levels above its groups.
const treeHeightMax = 32

// shareHasher computes the plain BLAKE3 hash of a share that arrives in pieces
// of any length. Unlike the library's, it hands whole groups to the vector
// code whatever the pieces are, which is three times as fast for fragments,
// and it needs 17 KiB, so the shares themselves need not be kept.
type shareHasher struct {
	buf    [groupBytes]byte // the last, perhaps partial group: it may be the root
	filled int
	groups uint64                   // hashed so far
	stack  [treeHeightMax][8]uint32 // subtrees at the set bits of groups
}

// write appends p to what is hashed.
func (h *shareHasher) write(p []byte) {
	for len(p) > 0 {
		if h.filled == groupBytes {
			h.push(&h.buf)
			h.filled = 0
		}
		// A last group is never pushed from here: only a later byte shows
		// that it was not the last.
		for h.filled == 0 && len(p) > groupBytes {
			h.push((*[groupBytes]byte)(p))
			p = p[groupBytes:]
		}
		n := copy(h.buf[h.filled:], p)
		h.filled += n
		p = p[n:]
	}
}

// push hashes a whole group that is not the last.
func (h *shareHasher) push(group *[groupBytes]byte) {
	cv := guts.ChainingValue(guts.CompressBuffer(group, groupBytes, &guts.IV, h.groups*guts.MaxSIMD, 0))
	i := 0
	for ; h.groups&(1<<i) != 0; i++ {
		cv = guts.ChainingValue(guts.ParentNode(h.stack[i], cv, &guts.IV, 0))
	}
	h.stack[i] = cv
	h.groups++
}

// sum returns the hash of all that was written. More may be written after it.
func (h *shareHasher) sum() wire.ShareHash {
	n := guts.CompressBuffer(&h.buf, h.filled, &guts.IV, h.groups*guts.MaxSIMD, 0)
	for i := range bits.Len64(h.groups) {
		if h.groups&(1<<i) != 0 {
			n = guts.ParentNode(h.stack[i], guts.ChainingValue(n), &guts.IV, 0)
		}
	}
	n.Flags |= guts.FlagRoot
	out := guts.WordsToBytes(guts.CompressNode(n))
	return wire.ShareHash(out[:wire.HashSize])
}
