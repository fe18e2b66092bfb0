package wire

import (
	"math/bits"
	"sync"

	"lukechampine.com/blake3"
	"lukechampine.com/blake3/guts"
)

// groupBytes is 16 KiB, 16 chunks of BLAKE3: as many as its widest vectors
// hash at once.
const groupBytes = guts.MaxSIMD * guts.ChunkSize

// treeHeightMax bounds the tree of what is hashed, in levels above its groups.
const treeHeightMax = 48

// BulkHasher computes the plain BLAKE3-256 hash of bytes that arrive in pieces
// of any length, in the caller's goroutine. The library starts a goroutine for
// each 16 KiB of a large piece, which costs more than it gains where everything
// is hashed beside other work, and hands short pieces to slower code. The zero
// value is ready; it takes 17 KiB.
type BulkHasher struct {
	buf    [groupBytes]byte // the last, perhaps partial group: it may be the root
	filled int
	groups uint64                   // hashed so far
	stack  [treeHeightMax][8]uint32 // subtrees at the set bits of groups
}

// Write appends p to what is hashed. It never fails.
func (h *BulkHasher) Write(p []byte) (int, error) {
	n := len(p)
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
	return n, nil
}

// push hashes a whole group that is not the last.
func (h *BulkHasher) push(group *[groupBytes]byte) {
	cv := guts.ChainingValue(guts.CompressBuffer(group, groupBytes, &guts.IV, h.groups*guts.MaxSIMD, 0))
	i := 0
	for ; h.groups&(1<<i) != 0; i++ {
		cv = guts.ChainingValue(guts.ParentNode(h.stack[i], cv, &guts.IV, 0))
	}
	h.stack[i] = cv
	h.groups++
}

// Sum returns the hash of all that was written. More may be written after it.
func (h *BulkHasher) Sum() [HashSize]byte {
	n := guts.CompressBuffer(&h.buf, h.filled, &guts.IV, h.groups*guts.MaxSIMD, 0)
	for i := range bits.Len64(h.groups) {
		if h.groups&(1<<i) != 0 {
			n = guts.ParentNode(h.stack[i], guts.ChainingValue(n), &guts.IV, 0)
		}
	}
	n.Flags |= guts.FlagRoot
	out := guts.WordsToBytes(guts.CompressNode(n))
	return [HashSize]byte(out[:HashSize])
}

// bulkHashers are kept for Sum.
var bulkHashers = sync.Pool{New: func() any { return new(BulkHasher) }}

// Sum is plain BLAKE3-256, the hash of bulk bytes: shares and sealed blocks.
func Sum(b []byte) [HashSize]byte {
	if len(b) <= groupBytes {
		return blake3.Sum256(b)
	}
	h := bulkHashers.Get().(*BulkHasher)
	defer bulkHashers.Put(h)
	h.filled, h.groups = 0, 0 // what else is left is overwritten before it is read
	h.Write(b)
	return h.Sum()
}
