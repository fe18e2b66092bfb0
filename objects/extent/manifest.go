package extent

import (
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

// FormatCurrent is the format of manifests that this release writes.
const FormatCurrent = 1

// Stripe is one sealed block of an extent.
type Stripe struct {
	_      struct{} `cbor:",toarray"`
	Length uint32   // of the sealed block, 1 to wire.SealedBytesMax bytes
	Hash   wire.BlockHash
}

// Manifest lists all that is needed to check and decode an extent. Nothing in
// it changes once its ID has been given out.
type Manifest struct {
	_       struct{} `cbor:",toarray"`
	Format  uint64
	K, N    uint8            // any K of N shares restore the extent; 1 ≤ K ≤ N
	Stripes []Stripe         // 1 to wire.ExtentStripesMax
	Shares  []wire.ShareHash // exactly N
}

// ParseManifest parses what Encode writes. The error matches ErrManifest or
// wire.ErrEncoding.
func ParseManifest(b []byte) (*Manifest, error) {
	m := new(Manifest)
	if err := wire.Unmarshal(b, m, wire.ManifestBytesMax); err != nil {
		return nil, err
	}
	if err := m.validate(); err != nil {
		return nil, err
	}
	return m, nil
}

// validate holds the rules that the encoding alone does not.
func (m *Manifest) validate() error {
	switch {
	case m.Format != FormatCurrent:
		return fmt.Errorf("%w: format %d, this release reads %d", ErrManifest, m.Format, FormatCurrent)
	case checkCode(int(m.K), int(m.N)) != nil:
		return fmt.Errorf("%w: %d of %d shares", ErrManifest, m.K, m.N)
	case len(m.Shares) != int(m.N):
		return fmt.Errorf("%w: %d share hashes for n=%d", ErrManifest, len(m.Shares), m.N)
	case len(m.Stripes) < 1 || len(m.Stripes) > wire.ExtentStripesMax:
		return fmt.Errorf("%w: %d stripes at k=%d", ErrManifest, len(m.Stripes), m.K)
	}
	for i, s := range m.Stripes {
		if checkBlock(int(s.Length)) != nil {
			return fmt.Errorf("%w: stripe %d of %d bytes", ErrManifest, i, s.Length)
		}
	}
	if share := m.ShareBytes(); share > ShareBytesMax(int(m.K)) {
		return fmt.Errorf("%w: shares of %d bytes at k=%d", ErrManifest, share, m.K)
	}
	return nil
}

// Encode returns the canonical encoding, at most wire.ManifestBytesMax bytes.
func (m *Manifest) Encode() []byte { return wire.Marshal(m) }

// ID returns the name of the extent.
func (m *Manifest) ID() wire.ExtentID { return IDOf(m.Encode()) }

// IDOf returns the name of the extent with this encoded manifest. It does not
// look at the manifest.
func IDOf(manifest []byte) wire.ExtentID {
	return wire.ExtentID(wire.Derive(wire.ContextExtent, manifest))
}

// ShareBytes returns the bytes of each share.
func (m *Manifest) ShareBytes() int {
	offset, length := m.Fragment(len(m.Stripes) - 1)
	return offset + length
}

// Fragment returns where a stripe's fragment lies in every share, in bytes.
func (m *Manifest) Fragment(stripe int) (offset, length int) {
	for _, s := range m.Stripes[:stripe] {
		offset += fragmentBytes(int(s.Length), int(m.K))
	}
	return offset, fragmentBytes(int(m.Stripes[stripe].Length), int(m.K))
}

// ShareBytesMax returns how large a share of an extent may be.
func ShareBytesMax(k int) int {
	return min(wire.ShareBytesMax, (wire.ExtentBytesMax+k-1)/k+wire.ExtentStripesMax)
}

// full reports whether an extent with so many stripes and shares so large may
// have no room for another block.
func full(k, stripes, shareBytes int) bool {
	return stripes >= wire.ExtentStripesMax || shareBytes+fragmentBytes(wire.SealedBytesMax, k) > ShareBytesMax(k)
}

// fragmentBytes is ⌈length/k⌉.
func fragmentBytes(length, k int) int { return (length + k - 1) / k }

func checkCode(k, n int) error {
	if k < 1 || n < k || n > wire.SharesMax {
		return fmt.Errorf("%w: %d of %d shares, want 1 ≤ k ≤ n ≤ %d", ErrInput, k, n, wire.SharesMax)
	}
	return nil
}

func checkBlock(length int) error {
	if length < 1 || length > wire.SealedBytesMax {
		return fmt.Errorf("%w: block of %d bytes, want 1 to %d", ErrInput, length, wire.SealedBytesMax)
	}
	return nil
}
