package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/protocol"
)

// follow asks for a stream of events, sends the body meanwhile, hands entries
// and versions to fn and returns the result.
func follow[R any](ctx context.Context, c *Client, route string, query any, body io.Reader, fn func(protocol.Event) error) (result R, err error) {
	call := c.begin(ctx)
	defer call.end()
	var source *upload
	if body != nil {
		source = &upload{call: call, body: body}
		body = source
	}
	w, err := call.send(route, query, body)
	if err == nil {
		defer w.Body.Close()
		result, err = events[R](call, w.Body, fn)
	}
	if source == nil {
		return result, err
	}
	return result, source.verdict(err)
}

// events reads the stream to its last event.
func events[R any](c *call, stream io.Reader, fn func(protocol.Event) error) (result R, err error) {
	d := json.NewDecoder(stream)
	for {
		var e protocol.Event
		if err := d.Decode(&e); err != nil {
			return result, c.broken(err)
		}
		c.timer.Touch()
		switch {
		case e.Error != nil:
			return result, e.Error.Err()
		case e.Result != nil:
			return result, json.Unmarshal(e.Result, &result)
		case (e.Entry != nil || e.Version != nil) && fn != nil:
			c.timer.Wait(func() { err = fn(e) })
			if err != nil {
				return result, err
			}
		case e.Progress != nil:
			api.Report(c.ctx, *e.Progress)
		case e.Note != "":
			api.Note(c.ctx, "%s", e.Note)
		}
	}
}

// upload is the body of a request. It remembers why it failed: the transport
// only tells that it did, and the daemon only that the body was cut off.
type upload struct {
	call *call
	body io.Reader

	mu   sync.Mutex
	err  error
	over bool // the call has ended: the body is not to be touched any more
}

var errOver = errors.New("the call is over")

func (u *upload) Read(p []byte) (n int, err error) {
	if u.isOver() {
		return 0, errOver
	}
	u.call.timer.Wait(func() { n, err = u.body.Read(p) })
	if err != nil && err != io.EOF {
		u.fail(err)
	}
	return n, err
}

func (u *upload) isOver() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.over
}

func (u *upload) fail(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.over {
		u.err = err
		u.call.cancel()
	}
}

// verdict returns the error of the call, which is the body's own if that failed
// first.
func (u *upload) verdict(err error) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.over = true
	if err != nil && u.err != nil {
		return u.err
	}
	return err
}
