package client

import (
	"context"
	"io"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/protocol"
)

// Share implements api.Backend.
func (c *Client) Share(ctx context.Context, r api.ShareRequest) (api.PutResult, error) {
	return follow[api.PutResult](ctx, c, protocol.Share, r, nil, nil)
}

// Revoke implements api.Backend.
func (c *Client) Revoke(ctx context.Context, r api.RevokeRequest) (api.PutResult, error) {
	return follow[api.PutResult](ctx, c, protocol.Revoke, r, nil, nil)
}

// Writers implements api.Backend.
func (c *Client) Writers(ctx context.Context, r api.ReadRequest) ([]api.Writer, error) {
	return get[[]api.Writer](ctx, c, protocol.Writers, r)
}

// Volumes implements api.Backend.
func (c *Client) Volumes(ctx context.Context) ([]api.Volume, error) {
	return get[[]api.Volume](ctx, c, protocol.Volumes, nil)
}

// AddVolume implements api.Backend.
func (c *Client) AddVolume(ctx context.Context, r api.AddVolumeRequest) (api.Volume, error) {
	return follow[api.Volume](ctx, c, protocol.Add, r, nil, nil)
}

// ChangeVolume implements api.Backend.
func (c *Client) ChangeVolume(ctx context.Context, r api.ChangeVolumeRequest) (api.Volume, error) {
	return follow[api.Volume](ctx, c, protocol.Change, r, nil, nil)
}

// Export implements api.Backend.
func (c *Client) Export(ctx context.Context, r api.ExportRequest) (api.SealedKeys, error) {
	return follow[api.SealedKeys](ctx, c, protocol.Export, r, nil, nil)
}

// Import implements api.Backend.
func (c *Client) Import(ctx context.Context, r api.ImportRequest, body io.Reader) (api.Imported, error) {
	return follow[api.Imported](ctx, c, protocol.Import, r, body, nil)
}

// Pending implements api.Backend.
func (c *Client) Pending(ctx context.Context) ([]api.PendingChange, error) {
	return get[[]api.PendingChange](ctx, c, protocol.Pending, nil)
}

// PendingContent implements api.Backend.
func (c *Client) PendingContent(ctx context.Context, r api.PendingRequest) (io.ReadCloser, error) {
	call := c.begin(ctx)
	body, err := call.open(protocol.PendingContent, r)
	if err != nil {
		call.end()
		return nil, err
	}
	return body, nil
}

// DropPending implements api.Backend.
func (c *Client) DropPending(ctx context.Context, r api.PendingRequest) (api.PendingChange, error) {
	return follow[api.PendingChange](ctx, c, protocol.DropPending, r, nil, nil)
}
