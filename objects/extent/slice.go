package extent

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
	"slices"

	"github.com/atollnet/atoll/internal/wire"
	"lukechampine.com/blake3/bao"
	"lukechampine.com/blake3/guts"
)

// A slice is bao's encoding of a range of a share: the share's length, then in
// pre-order the tree nodes above the 16 KiB groups that the range touches, and
// those groups. sliceGroup is the group size as a power of two of chunks.
const (
	sliceGroup  = 4
	headerBytes = 8
	parentBytes = 64
	// groupBytes is the grain of range proofs.
	groupBytes = guts.ChunkSize << sliceGroup
)

// Outboard returns the tree above the groups of a share, and its root, which
// is the share's hash. The tree takes about 1/256 of the share.
func Outboard(share []byte) ([]byte, wire.ShareHash) {
	tree, root := bao.EncodeBuf(share, sliceGroup, true)
	return tree, root
}

// OutboardBytes returns the length of the outboard of a share.
func OutboardBytes(shareBytes int) int { return bao.EncodedSize(shareBytes, sliceGroup, true) }

// Groups returns the bytes [from, to) of a share that a slice of the range
// carries: the range, rounded out to groups.
func Groups(shareBytes, offset, length int) (from, to int) {
	from = offset / groupBytes * groupBytes
	to = (offset + length + groupBytes - 1) / groupBytes * groupBytes
	return from, min(to, shareBytes)
}

// SliceBytes returns the exact length of the slice of a range, in bytes.
func SliceBytes(shareBytes, offset, length int) int {
	from, to := Groups(shareBytes, offset, length)
	return headerBytes + to - from + parentBytes*parents(0, shareBytes, offset, offset+length)
}

// parents counts the inner nodes on the way to the groups of [from, to).
func parents(pos, size, from, to int) int {
	if size <= groupBytes || pos >= to || from >= pos+size {
		return 0
	}
	mid := 1 << (bits.Len(uint(size-1)) - 1)
	return 1 + parents(pos, mid, from, to) + parents(pos+mid, size-mid, from, to)
}

// WriteSlice writes the slice of length bytes of share at offset, in one
// Write.
func WriteSlice(w io.Writer, share, outboard []byte, offset, length int) error {
	if err := checkRange(len(share), offset, length); err != nil {
		return err
	}
	from, to := Groups(len(share), offset, length)
	slice, err := AppendSlice(nil, bytes.NewReader(share[from:to]), outboard, len(share), offset, length)
	if err != nil {
		return err
	}
	_, err = w.Write(slice)
	return err
}

// AppendSlice appends to dst the slice of a range of a share of shareBytes
// bytes, of which groups reads the bytes that Groups names. It does not check
// that they are those that the outboard was made of. Errors: ErrInput for the
// range or an outboard of another size, and those of groups.
func AppendSlice(dst []byte, groups io.Reader, outboard []byte, shareBytes, offset, length int) ([]byte, error) {
	if err := checkRange(shareBytes, offset, length); err != nil {
		return nil, err
	}
	if len(outboard) != OutboardBytes(shareBytes) || header(outboard) != uint64(shareBytes) {
		return nil, fmt.Errorf("%w: outboard is not of a share of %d bytes", ErrInput, shareBytes)
	}
	slice := bytes.NewBuffer(slices.Grow(dst, SliceBytes(shareBytes, offset, length)))
	err := bao.ExtractSlice(slice, groups, bytes.NewReader(outboard), sliceGroup, uint64(offset), uint64(length))
	return slice.Bytes(), err
}

// ReadSlice returns the range of a share that the slice proves. It accepts
// exactly what WriteSlice writes for this range of the share of this hash and
// length; all else is ErrProof, but a range outside the share is ErrInput. The
// result does not alias the slice.
func ReadSlice(slice []byte, shareBytes, offset, length int, root wire.ShareHash) ([]byte, error) {
	if err := checkRange(shareBytes, offset, length); err != nil {
		return nil, err
	}
	data := bytes.NewBuffer(make([]byte, 0, length))
	if err := decodeSlice(data, slice, shareBytes, offset, length, root); err != nil {
		return nil, err
	}
	return data.Bytes(), nil
}

// CheckSlice is ReadSlice for callers that do not need the bytes.
func CheckSlice(slice []byte, shareBytes, offset, length int, root wire.ShareHash) error {
	if err := checkRange(shareBytes, offset, length); err != nil {
		return err
	}
	return decodeSlice(io.Discard, slice, shareBytes, offset, length, root)
}

// decodeSlice writes to w what the slice proves. The length is checked first,
// so the decoder meets neither a short nor a long slice, and no foreign tree.
func decodeSlice(w io.Writer, slice []byte, shareBytes, offset, length int, root wire.ShareHash) error {
	if want := SliceBytes(shareBytes, offset, length); len(slice) != want {
		return fmt.Errorf("%w: %d bytes, want %d", ErrProof, len(slice), want)
	}
	if got := header(slice); got != uint64(shareBytes) {
		return fmt.Errorf("%w: of a share of %d bytes, want %d", ErrProof, got, shareBytes)
	}
	ok, err := bao.DecodeSlice(w, bytes.NewReader(slice), sliceGroup, uint64(offset), uint64(length), root)
	if err != nil || !ok {
		return fmt.Errorf("%w: it is not of share %v", ErrProof, root)
	}
	return nil
}

func header(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }

// checkRange insists on a range of at least a byte within a legal share.
func checkRange(shareBytes, offset, length int) error {
	if shareBytes < 1 || shareBytes > wire.ShareBytesMax ||
		offset < 0 || length < 1 || offset > shareBytes || length > shareBytes-offset {
		return fmt.Errorf("%w: bytes [%d, +%d) of a share of %d bytes", ErrInput, offset, length, shareBytes)
	}
	return nil
}
