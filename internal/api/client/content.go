package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/protocol"
	"github.com/atollnet/atoll/internal/errs"
)

// content reads an answer that is content. It gives io.EOF only when the answer
// said that this is its end.
type content struct {
	call  *call
	w     *http.Response
	bytes int64
	err   error // final
}

func (c *call) open(route string, query any) (*content, error) {
	w, err := c.send(route, query, nil)
	if err != nil {
		return nil, err
	}
	c.timer.Pause()
	return &content{call: c, w: w}, nil
}

// Read lets the time run: between reads it is the caller who takes his.
func (c *content) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	c.call.timer.Resume()
	defer c.call.timer.Pause()
	n, err := c.w.Body.Read(p)
	c.bytes += int64(n)
	switch {
	case err == io.EOF:
		c.err = c.verdict()
	case err != nil:
		c.err = c.call.broken(err)
	}
	return n, c.err
}

// verdict returns io.EOF if the content is whole.
func (c *content) verdict() error {
	c.call.notes(c.w.Trailer)
	if text := c.w.Trailer.Get(protocol.TrailerError); text != "" {
		var e api.Error
		if err := json.Unmarshal([]byte(text), &e); err != nil {
			return errs.New("ask peerd", c.call.socket, errs.Other, err)
		}
		return e.Err()
	}
	end, err := strconv.ParseInt(c.w.Trailer.Get(protocol.TrailerEnd), 10, 64)
	if err != nil || end != c.bytes {
		return c.call.broken(fmt.Errorf("%w: %d bytes came, the end says %q",
			io.ErrUnexpectedEOF, c.bytes, c.w.Trailer.Get(protocol.TrailerEnd)))
	}
	return io.EOF
}

func (c *content) Close() error {
	defer c.call.end()
	return c.w.Body.Close()
}

// Open implements api.Backend.
func (c *Client) Open(ctx context.Context, r api.ReadRequest) (e api.Entry, _ io.ReadCloser, err error) {
	call := c.begin(ctx)
	body, err := call.open(protocol.Open, r)
	if err != nil {
		call.end()
		return e, nil, err
	}
	if err := json.Unmarshal([]byte(body.w.Header.Get(protocol.HeaderEntry)), &e); err != nil {
		return e, nil, errors.Join(errs.Wrap("ask peerd", c.socket, err), body.Close())
	}
	if e.Kind == api.File {
		return e, body, nil
	}
	_, err = io.Copy(io.Discard, body)
	return e, nil, errors.Join(err, body.Close())
}

// Walk implements api.Backend.
func (c *Client) Walk(ctx context.Context, r api.ReadRequest, fn func(api.Entry, func() (io.ReadCloser, error)) error) error {
	call := c.begin(ctx)
	defer call.end()
	body, err := call.open(protocol.Walk, r)
	if err != nil {
		return err
	}
	defer body.Close()
	tree := protocol.NewTreeReader(body)
	for {
		_, err := tree.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := visit(tree, fn); err != nil {
			return err
		}
	}
}

var errNoEntry = errors.New("an entry of the tree lacks its description")

func visit(tree *protocol.TreeReader, fn func(api.Entry, func() (io.ReadCloser, error)) error) error {
	e := tree.Full()
	if e == nil {
		return errs.New("read tree", "", errs.Other, errNoEntry)
	}
	if e.Kind != api.File || tree.Skipped() {
		return fn(*e, nil)
	}
	return fn(*e, func() (io.ReadCloser, error) { return io.NopCloser(tree), nil })
}
