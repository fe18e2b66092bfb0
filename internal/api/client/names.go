package client

import (
	"context"
	"io"
	"strings"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/protocol"
)

var _ api.Names = (*Client)(nil)

// NameZone implements api.Names.
func (c *Client) NameZone(ctx context.Context, r api.NameZoneRequest) (api.NameZone, error) {
	return follow[api.NameZone](ctx, c, protocol.NameZone, r, nil, nil)
}

// NameChange implements api.Names. The master file of an import travels as the
// body.
func (c *Client) NameChange(ctx context.Context, r api.NameChangeRequest) (api.NameResult, error) {
	var body io.Reader
	if r.Op == "import" && len(r.Data) == 1 {
		body = strings.NewReader(r.Data[0])
		r.Data = nil
	}
	return follow[api.NameResult](ctx, c, protocol.NameChange, r, body, nil)
}

// NameList implements api.Names.
func (c *Client) NameList(ctx context.Context, r api.NameListRequest) (api.NameList, error) {
	return get[api.NameList](ctx, c, protocol.NameList, r)
}

// NameResolve implements api.Names.
func (c *Client) NameResolve(ctx context.Context, r api.NameResolveRequest) (api.NameAnswer, error) {
	return follow[api.NameAnswer](ctx, c, protocol.NameResolve, r, nil, nil)
}

// NameStatus implements api.Names.
func (c *Client) NameStatus(ctx context.Context, r api.NameListRequest) (api.NameStatus, error) {
	return follow[api.NameStatus](ctx, c, protocol.NameStatus, r, nil, nil)
}

// NameRegister implements api.Names.
func (c *Client) NameRegister(ctx context.Context, r api.NameRegisterRequest) (api.NameResult, error) {
	return follow[api.NameResult](ctx, c, protocol.NameRegister, r, nil, nil)
}

// NameAnchors implements api.Names.
func (c *Client) NameAnchors(ctx context.Context, r api.NameListRequest) (api.NameAnchors, error) {
	return get[api.NameAnchors](ctx, c, protocol.NameAnchors, r)
}
