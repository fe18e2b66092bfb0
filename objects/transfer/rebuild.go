package transfer

import (
	"context"
	"fmt"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// Rebuild computes shares of an extent from any K that can be had: it moves K
// shares' worth and returns the wanted ones by index, checked against the
// manifest. The error is of kind TooFew if there are not enough, or Damaged
// (ErrCoding) if the author encoded badly, so that nobody can rebuild them.
func (f *Fetcher) Rebuild(ctx context.Context, s Source, wanted []int) (map[int][]byte, error) {
	m, err := f.Manifest(ctx, s)
	if err != nil {
		return nil, err
	}
	code, err := extent.NewCode(int(m.K), int(m.N))
	if err != nil {
		return nil, err
	}
	shares := make(map[int][]byte, len(wanted))
	for _, i := range wanted {
		if i < 0 || i >= int(m.N) {
			return nil, fmt.Errorf("%w: share %d of %d", ErrInput, i, m.N)
		}
		shares[i] = make([]byte, 0, m.ShareBytes())
	}
	err = f.Read(ctx, s, 0, len(m.Stripes), func(_ int, sealed []byte) error {
		fragments, err := code.Split(sealed)
		for i := range shares {
			if err == nil {
				shares[i] = append(shares[i], fragments[i]...)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, share := range shares {
		if wire.ShareHash(wire.Sum(share)) != m.Shares[i] {
			return nil, errs.New("rebuild share", s.Extent.String(), errs.Damaged,
				fmt.Errorf("%w: share %d is not what its blocks encode to", ErrCoding, i))
		}
	}
	return shares, nil
}

// Share reads one share from its holder, proved against the manifest.
func (f *Fetcher) Share(ctx context.Context, m *extent.Manifest, h Holding) ([]byte, error) {
	id, size := m.ID(), m.ShareBytes()
	share := make([]byte, 0, size)
	for len(share) < size {
		part, err := f.askRange(ctx, id, m, h, len(share), min(size-len(share), RangeBytesMax))
		if err != nil {
			return nil, err
		}
		share = append(share, part...)
	}
	return share, nil
}

// Audit asks a holder, now, for at most max bytes of a share, at a place that
// the nonce chooses and the holder could not foresee. It costs one short
// request. An error that matches ErrLied, or a refusal that says not found or
// damaged, is the holder's confession; any other says nothing about the share.
func (f *Fetcher) Audit(ctx context.Context, m *extent.Manifest, h Holding, max int, nonce [32]byte) error {
	if h.Share < 0 || h.Share >= int(m.N) || max < 1 {
		return fmt.Errorf("%w: share %d of %d", ErrInput, h.Share, m.N)
	}
	offset, length := probed(m.ShareBytes(), max, nonce)
	_, err := f.askRange(ctx, m.ID(), m, h, offset, length)
	return err
}
