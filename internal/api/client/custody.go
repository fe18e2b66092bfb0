package client

import (
	"context"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/protocol"
)

// Plan implements api.Backend.
func (c *Client) Plan(ctx context.Context, r api.PlanRequest) (api.Plan, error) {
	return get[api.Plan](ctx, c, protocol.Plan, r)
}
