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

// Prune implements api.Backend.
func (c *Client) Prune(ctx context.Context, r api.PruneRequest) (api.Pruned, error) {
	return follow[api.Pruned](ctx, c, protocol.Prune, r, nil, nil)
}

// Collect implements api.Backend.
func (c *Client) Collect(ctx context.Context, r api.CollectRequest) (api.Collected, error) {
	return follow[api.Collected](ctx, c, protocol.Collect, r, nil, nil)
}

// DeleteVolume implements api.Backend.
func (c *Client) DeleteVolume(ctx context.Context, r api.DeleteVolumeRequest) (api.DeletedVolume, error) {
	return follow[api.DeletedVolume](ctx, c, protocol.DeleteVolume, r, nil, nil)
}

// Retain implements api.Backend.
func (c *Client) Retain(ctx context.Context, r api.RetainRequest) (api.Retained, error) {
	return follow[api.Retained](ctx, c, protocol.Retain, r, nil, nil)
}

// Quota implements api.Backend.
func (c *Client) Quota(ctx context.Context) (api.Quota, error) {
	return get[api.Quota](ctx, c, protocol.Quota, nil)
}

// CheckStore implements api.Backend.
func (c *Client) CheckStore(ctx context.Context) (api.StoreReport, error) {
	return follow[api.StoreReport](ctx, c, protocol.CheckStore, struct{}{}, nil, nil)
}

// Leave implements api.Backend.
func (c *Client) Leave(ctx context.Context) (api.LeaveReport, error) {
	return follow[api.LeaveReport](ctx, c, protocol.Leave, struct{}{}, nil, nil)
}

// Deny implements api.Backend.
func (c *Client) Deny(ctx context.Context, r api.DenyRequest) (api.Denied, error) {
	return follow[api.Denied](ctx, c, protocol.Deny, r, nil, nil)
}

// Allow implements api.Backend.
func (c *Client) Allow(ctx context.Context, r api.DenyRequest) (api.Denied, error) {
	return follow[api.Denied](ctx, c, protocol.Allow, r, nil, nil)
}

// Denials implements api.Backend.
func (c *Client) Denials(ctx context.Context) ([]api.Denial, error) {
	return get[[]api.Denial](ctx, c, protocol.Denials, nil)
}
