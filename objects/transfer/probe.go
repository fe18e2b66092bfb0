package transfer

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// contextProbe derives from a nonce which range of a share a probe asks for.
const contextProbe wire.Context = "atoll/v1/share-probe"

// ProbeBytesMax is the most bytes of a share that one probe has proved.
const ProbeBytesMax = 64 << 10

// Probe asks a holder, now, for the manifest of an extent and for a range of a
// share that it could not foresee, and returns how many bytes it has proved.
// An error says that it does not hold the share, or that it could not be asked.
func (f *Fetcher) Probe(ctx context.Context, peer wire.PeerID, m *extent.Manifest, share int, nonce [32]byte) (bytes int, err error) {
	if share < 0 || share >= int(m.N) {
		return 0, fmt.Errorf("%w: share %d of %d", ErrInput, share, m.N)
	}
	id := m.ID()
	_, held, err := f.askManifest(ctx, peer, id)
	if err != nil {
		return 0, err
	}
	if !slices.Contains(held, byte(share)) {
		return 0, refuse(RefusedNotFound, "share %d is not there", share)
	}
	offset, length := probed(m.ShareBytes(), ProbeBytesMax, nonce)
	if _, err := f.askRange(ctx, id, m, Holding{peer, share}, offset, length); err != nil {
		return 0, err
	}
	return length, nil
}

// probed returns the range of at most max bytes that a nonce stands for.
func probed(shareBytes, max int, nonce [32]byte) (offset, length int) {
	length = min(shareBytes, max)
	h := wire.Derive(contextProbe, nonce[:])
	offset = int(binary.BigEndian.Uint64(h[:8]) % uint64(shareBytes-length+1))
	return offset, length
}
