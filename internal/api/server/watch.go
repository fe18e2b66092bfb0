package server

import (
	"context"
	"io"
	"net/http"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/protocol"
)

func watch(b api.Backend) work {
	return func(ctx context.Context, r *http.Request, _ io.Reader, e *events) (any, error) {
		var q api.WatchRequest
		if err := protocol.ParseQuery(r, &q); err != nil {
			return nil, err
		}
		return struct{}{}, b.Watch(ctx, q, e.version)
	}
}

// version sends a version at once: nobody knows when the next one comes.
func (e *events) version(v api.LogVersion) error {
	e.timer.Touch()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.send(protocol.Event{Version: &v}, true)
}
