// Package client asks a running peerd over its local API. A Client is an
// api.Backend: what runs against a peer in this process runs against one in
// another.
//
// It must never take an answer for whole that does not say that it is.
package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"syscall"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/idle"
	"github.com/atollnet/atoll/internal/api/protocol"
	"github.com/atollnet/atoll/internal/errs"
)

// bufferBytes is how much is read from or written to the socket at once.
const bufferBytes = 256 << 10

// answerBytesMax bounds an answer that is one document.
const answerBytesMax = 64 << 20

// Client asks the peerd behind one socket. It is safe for concurrent use. An
// observer in the context of a call (api.WithObserver) hears of its progress
// and notes.
type Client struct {
	socket  string
	timeout time.Duration
	http    *http.Transport
}

// New returns a client for the socket. A call fails with errs.Timeout when
// nothing has moved for the timeout; 0 means never. Nothing is connected yet.
func New(socket string, timeout time.Duration) *Client {
	c := &Client{socket: socket, timeout: timeout}
	c.http = &http.Transport{
		DialContext:            c.dial,
		DisableCompression:     true,
		ReadBufferSize:         bufferBytes,
		WriteBufferSize:        bufferBytes,
		MaxResponseHeaderBytes: protocol.HeaderBytesMax,
	}
	return c
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (c *Client) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", c.socket)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTSOCK):
		err = errs.New("", "", errs.NoDaemon, errors.New("no peerd answers at "+c.socket))
		return nil, errs.Hint(err, "start it with: %s", c.startCommand())
	case errors.Is(err, fs.ErrPermission):
		err = errs.New("", "", errs.Refused, errors.New("the API socket "+c.socket+" belongs to another user"))
		return nil, errs.Hint(err, "a peerd serves the user that it runs as: run your own, or name its socket with --api")
	}
	return conn, err
}

func (c *Client) startCommand() string {
	if c.socket == api.DefaultSocket() {
		return "peerd run"
	}
	return "peerd run --api " + c.socket
}

// call is one request on its way. Its timer is the client's own: it runs a
// little longer than the daemon's, which knows better what went wrong, and ends
// the call when the daemon itself hangs.
type call struct {
	*Client
	ctx    context.Context
	timer  *idle.Timer
	cancel context.CancelFunc
}

func (c *Client) begin(ctx context.Context) *call {
	limit := c.timeout
	if limit > 0 {
		limit += max(limit/4, time.Second)
	}
	ctx, cancel := context.WithCancel(ctx)
	err := errs.New("", "", errs.Timeout, errors.New("peerd does not answer"))
	ctx, timer := idle.New(ctx, limit, errs.Hint(err, "see whether peerd still runs, and its log"))
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		Got1xxResponse: func(int, textproto.MIMEHeader) error { timer.Touch(); return nil },
	})
	return &call{Client: c, ctx: ctx, timer: timer, cancel: cancel}
}

// end frees what the call holds.
func (c *call) end() {
	c.timer.Stop()
	c.cancel()
}

// send sends the request and returns an answer that is no failure, or the
// failure that the answer told.
func (c *call) send(route string, query any, body io.Reader) (*http.Response, error) {
	if body != nil {
		body = &unbroken{c.ctx, body}
	}
	r, err := protocol.NewRequest(route, query, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set(protocol.HeaderTimeout, c.timeout.String())
	w, err := c.roundTrip(r.WithContext(c.ctx))
	if err != nil {
		return nil, c.broken(err)
	}
	c.timer.Touch()
	c.notes(w.Header)
	if w.StatusCode == http.StatusOK {
		return w, nil
	}
	defer w.Body.Close()
	return nil, c.failure(w)
}

// unbroken is a body that does not end well after its call has ended: what was
// cut off must not be taken for the whole.
type unbroken struct {
	ctx context.Context
	io.Reader
}

func (u *unbroken) Read(b []byte) (int, error) {
	n, err := u.Reader.Read(b)
	if u.ctx.Err() != nil {
		return n, context.Cause(u.ctx)
	}
	return n, err
}

// roundTrip returns when the context ends, even if the transport does not: it
// may be waiting for the body, and a read of an idle pipe or terminal ends
// when its writer wants. The transport then lets go of the body at that read.
func (c *call) roundTrip(r *http.Request) (*http.Response, error) {
	if r.Body == nil {
		return c.http.RoundTrip(r)
	}
	type answer struct {
		w   *http.Response
		err error
	}
	answers := make(chan answer, 1)
	go func() {
		w, err := c.http.RoundTrip(r)
		answers <- answer{w, err}
	}()
	select {
	case a := <-answers:
		return a.w, a.err
	case <-r.Context().Done():
		go func() {
			if a := <-answers; a.w != nil {
				a.w.Body.Close()
			}
		}()
		return nil, context.Cause(r.Context())
	}
}

func (c *call) failure(w *http.Response) error {
	var f protocol.Failure
	err := json.NewDecoder(io.LimitReader(w.Body, answerBytesMax)).Decode(&f)
	if err != nil || f.Error == nil {
		return errs.Newf("ask peerd", c.socket, errs.Other, "it answered %s", w.Status)
	}
	return f.Error.Err()
}

func (c *call) notes(h http.Header) {
	for _, text := range h.Values(protocol.HeaderNote) {
		var note string
		if json.Unmarshal([]byte(text), &note) == nil {
			api.Note(c.ctx, "%s", note)
		}
	}
}

// broken returns what a broken connection means: the caller or the timer ended
// the call, or there is no daemon, or it ended while it answered.
func (c *call) broken(err error) error {
	if cause := context.Cause(c.ctx); cause != nil {
		return cause
	}
	if errs.KindOf(err) != errs.Other {
		return err
	}
	if isCut(err) {
		err = errs.New("ask peerd", c.socket, errs.NoDaemon, errors.New("it ended before its answer was complete"))
		return errs.Hint(err, "see its log, start it with `%s`, then repeat the command", c.startCommand())
	}
	return errs.Wrap("ask peerd", c.socket, err)
}

func isCut(err error) bool {
	for _, cut := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, net.ErrClosed} {
		if errors.Is(err, cut) {
			return true
		}
	}
	return false
}

// get asks for one JSON document.
func get[R any](ctx context.Context, c *Client, route string, query any) (result R, err error) {
	call := c.begin(ctx)
	defer call.end()
	w, err := call.send(route, query, nil)
	if err != nil {
		return result, err
	}
	defer w.Body.Close()
	if err := json.NewDecoder(io.LimitReader(w.Body, answerBytesMax)).Decode(&result); err != nil {
		return result, call.broken(err)
	}
	return result, nil
}
