package client

import (
	"context"
	"io"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/protocol"
)

var _ api.Backend = (*Client)(nil)

// Status implements api.Backend.
func (c *Client) Status(ctx context.Context) (api.Status, error) {
	return get[api.Status](ctx, c, protocol.Status, nil)
}

// Peers implements api.Backend.
func (c *Client) Peers(ctx context.Context) ([]api.Peer, error) {
	return get[[]api.Peer](ctx, c, protocol.Peers, nil)
}

// Doctor implements api.Backend.
func (c *Client) Doctor(ctx context.Context) ([]api.Finding, error) {
	return get[[]api.Finding](ctx, c, protocol.Doctor, nil)
}

// Invite implements api.Backend.
func (c *Client) Invite(ctx context.Context) (string, error) {
	return get[string](ctx, c, protocol.Invite, nil)
}

// Identity implements api.Backend.
func (c *Client) Identity(ctx context.Context) (api.Identity, error) {
	return get[api.Identity](ctx, c, protocol.Identity, nil)
}

// Stat implements api.Backend.
func (c *Client) Stat(ctx context.Context, r api.ReadRequest) (api.Entry, error) {
	return get[api.Entry](ctx, c, protocol.Stat, r)
}

// Log implements api.Backend.
func (c *Client) Log(ctx context.Context, r api.LogRequest) (api.Log, error) {
	return get[api.Log](ctx, c, protocol.Log, r)
}

// Ring implements api.Backend.
func (c *Client) Ring(ctx context.Context, r api.RingRequest) (api.Ring, error) {
	return get[api.Ring](ctx, c, protocol.Ring, r)
}

// ReplaceMember implements api.Backend.
func (c *Client) ReplaceMember(ctx context.Context, r api.ReplaceRequest) (api.Ring, error) {
	return follow[api.Ring](ctx, c, protocol.Replace, r, nil, nil)
}

// Recoverable implements api.Backend.
func (c *Client) Recoverable(ctx context.Context, r api.RingRequest) (api.Recoverable, error) {
	return get[api.Recoverable](ctx, c, protocol.Lost, r)
}

// RecoverRing implements api.Backend.
func (c *Client) RecoverRing(ctx context.Context, r api.RecoverRequest) (api.Ring, error) {
	return follow[api.Ring](ctx, c, protocol.Recover, r, nil, nil)
}

// Init implements api.Backend.
func (c *Client) Init(ctx context.Context, r api.InitRequest) (api.Volume, error) {
	return follow[api.Volume](ctx, c, protocol.Init, r, nil, nil)
}

// Mkdir implements api.Backend.
func (c *Client) Mkdir(ctx context.Context, r api.MkdirRequest) (api.PutResult, error) {
	return follow[api.PutResult](ctx, c, protocol.Mkdir, r, nil, nil)
}

// Remove implements api.Backend.
func (c *Client) Remove(ctx context.Context, r api.RemoveRequest) (api.PutResult, error) {
	return follow[api.PutResult](ctx, c, protocol.Remove, r, nil, nil)
}

// Move implements api.Backend.
func (c *Client) Move(ctx context.Context, r api.MoveRequest) (api.PutResult, error) {
	return follow[api.PutResult](ctx, c, protocol.Move, r, nil, nil)
}

// Copy implements api.Backend.
func (c *Client) Copy(ctx context.Context, r api.CopyRequest) (api.PutResult, error) {
	return follow[api.PutResult](ctx, c, protocol.Copy, r, nil, nil)
}

// Restore implements api.Backend.
func (c *Client) Restore(ctx context.Context, r api.RestoreRequest) (api.PutResult, error) {
	return follow[api.PutResult](ctx, c, protocol.Restore, r, nil, nil)
}

// Diff implements api.Backend.
func (c *Client) Diff(ctx context.Context, r api.DiffRequest) (api.Diff, error) {
	return follow[api.Diff](ctx, c, protocol.Diff, r, nil, nil)
}

// Check implements api.Backend.
func (c *Client) Check(ctx context.Context, r api.CheckRequest) (api.CheckReport, error) {
	return follow[api.CheckReport](ctx, c, protocol.Check, r, nil, nil)
}

// List implements api.Backend.
func (c *Client) List(ctx context.Context, r api.ListRequest, fn func(api.Entry) error) error {
	_, err := follow[struct{}](ctx, c, protocol.List, r, nil, func(e protocol.Event) error {
		if e.Entry == nil {
			return nil
		}
		return fn(*e.Entry)
	})
	return err
}

// Watch implements api.Backend.
func (c *Client) Watch(ctx context.Context, r api.WatchRequest, fn func(api.LogVersion) error) error {
	_, err := follow[struct{}](ctx, c, protocol.Watch, r, nil, func(e protocol.Event) error {
		if e.Version == nil {
			return nil
		}
		return fn(*e.Version)
	})
	return err
}

// Put implements api.Backend.
func (c *Client) Put(ctx context.Context, r api.PutRequest, body io.Reader) (api.PutResult, error) {
	return follow[api.PutResult](ctx, c, protocol.Put, r, body, nil)
}

// Append implements api.Backend.
func (c *Client) Append(ctx context.Context, r api.AppendRequest, body io.Reader) (api.PutResult, error) {
	return follow[api.PutResult](ctx, c, protocol.Append, r, body, nil)
}

// PutTree implements api.Backend.
func (c *Client) PutTree(ctx context.Context, r api.PutTreeRequest, tree api.TreeReader) (api.PutResult, error) {
	read, write := io.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		write.CloseWithError(writeTree(write, tree))
	}()
	result, err := follow[api.PutResult](ctx, c, protocol.PutTree, r, read, nil)
	read.CloseWithError(errOver)
	<-done
	return result, err
}

func writeTree(out io.Writer, tree api.TreeReader) error {
	w := protocol.NewTreeWriter(out)
	buffer := make([]byte, bufferBytes)
	for {
		e, err := tree.Next()
		if err == io.EOF {
			return w.Close()
		}
		if err != nil {
			return err
		}
		if err := w.Add(e, nil); err != nil {
			return err
		}
		if e.Kind != api.File || e.Gone {
			continue
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{tree}, buffer); err != nil {
			return err
		}
	}
}
