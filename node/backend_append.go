package node

import (
	"context"
	"io"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/objects"
)

// Append implements api.Backend. It does not wait in the outbox while the ring
// cannot be reached: what is appended may have no end.
func (b backend) Append(ctx context.Context, r api.AppendRequest, body io.Reader) (api.PutResult, error) {
	t, p, err := b.changeable(ctx, r.Ref)
	if err != nil {
		return api.PutResult{}, err
	}
	d := objects.Dest{Place: p, Path: t.Path, Into: t.Into}
	change, err := b.gateway.Append(ctx, d, r.Mode&api.ModeMask, body)
	if r.Until == "" {
		r.Until = api.Ordered
	}
	return b.finish(ctx, p.Object, change, r.Until, err)
}
