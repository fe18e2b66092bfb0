package server

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/protocol"
	"github.com/atollnet/atoll/internal/errs"
)

// plain is a request without a body.
func plain[Q, R any](do func(context.Context, Q) (R, error)) work {
	return func(ctx context.Context, r *http.Request, _ io.Reader, _ *events) (any, error) {
		var q Q
		if err := protocol.ParseQuery(r, &q); err != nil {
			return nil, err
		}
		return do(ctx, q)
	}
}

// without is a request without parameters.
func without[R any](do func(context.Context) (R, error)) work {
	return plain(func(ctx context.Context, _ struct{}) (R, error) { return do(ctx) })
}

// withBody is a request whose body is bytes.
func withBody[Q, R any](do func(context.Context, Q, io.Reader) (R, error)) work {
	return func(ctx context.Context, r *http.Request, body io.Reader, _ *events) (any, error) {
		var q Q
		if err := protocol.ParseQuery(r, &q); err != nil {
			return nil, err
		}
		return do(ctx, q, body)
	}
}

func putTree(b api.Backend) work {
	return func(ctx context.Context, r *http.Request, body io.Reader, _ *events) (any, error) {
		var q api.PutTreeRequest
		if err := protocol.ParseQuery(r, &q); err != nil {
			return nil, err
		}
		return b.PutTree(ctx, q, &rooted{TreeReader: protocol.NewTreeReader(body)})
	}
}

// rooted makes sure that a tree starts with its root, a directory, and has no
// other.
type rooted struct {
	*protocol.TreeReader
	begun bool
}

var errNoRoot = errors.New("a tree starts with its root, a directory")

func (r *rooted) Next() (api.TreeEntry, error) {
	e, err := r.TreeReader.Next()
	isRoot := err == nil && e.Path == ""
	if first := !r.begun; err == nil && (first != isRoot || isRoot && e.Kind != api.Dir) || first && err == io.EOF {
		return e, errs.New("read tree", "", errs.Usage, errNoRoot)
	}
	r.begun = true
	return e, err
}

func list(b api.Backend) work {
	return func(ctx context.Context, r *http.Request, _ io.Reader, e *events) (any, error) {
		var q api.ListRequest
		if err := protocol.ParseQuery(r, &q); err != nil {
			return nil, err
		}
		err := b.List(ctx, q, func(entry api.Entry) error {
			e.timer.Touch()
			return e.entry(entry)
		})
		return struct{}{}, err
	}
}
