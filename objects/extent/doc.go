// Package extent is the erasure-coded form of stored data: how sealed blocks
// become stripes, stripes become shares, and how a share, any range of it and
// any decoded block are proved against one manifest.
//
//	block ── Split ──▶ n fragments of ⌈length/k⌉ bytes, any k restore it
//	share i = fragment i of every stripe, back to back
//	manifest = {k, n, stripes, share hashes};  ExtentID = H(manifest)
//
// It is pure: no I/O, clock, randomness or goroutine of its own, and it must
// never see a key or a plaintext. Input from peers (manifests, slices,
// fragments, receipts) leads to an error, never to a panic. FORMAT.md beside
// this file gives every format byte by byte.
//
// Cost on one core with AVX-512 and GFNI, for 1 GiB of blocks at k=16, n=32:
// coding 0.1 s, hashing blocks and 2 GiB of shares 0.9 s; decoding 0.06 s with no
// data fragment lost, 0.13 s with all; writing slices 0.17 s, checking 0.33 s.
package extent

import "errors"

var (
	// ErrInput is returned for arguments that no caller should pass: k and n
	// out of range, an empty or oversized block, a range outside the share.
	ErrInput = errors.New("extent: argument out of range")
	// ErrFull is returned when a block is added to an extent that has all its
	// stripes.
	ErrFull = errors.New("extent: full")
	// ErrManifest is returned for a manifest that breaks a rule of FORMAT.md.
	ErrManifest = errors.New("extent: manifest breaks a rule")
	// ErrProof is returned for a slice that does not prove its bytes.
	ErrProof = errors.New("extent: slice does not prove its bytes")
	// ErrTooFew is returned when fewer than k fragments are at hand.
	ErrTooFew = errors.New("extent: fewer than k fragments")
	// ErrCoding is returned when k fragments decode to something that the code
	// does not produce. If each was proved, the author encoded badly.
	ErrCoding = errors.New("extent: fragments do not decode to a block")
)
