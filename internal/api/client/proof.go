package client

import (
	"context"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/protocol"
)

// Prove implements api.Backend.
func (c *Client) Prove(ctx context.Context, r api.ProofRequest) (api.Proof, error) {
	return get[api.Proof](ctx, c, protocol.Proof, r)
}
