package server

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/idle"
	"github.com/atollnet/atoll/internal/api/protocol"
	"github.com/atollnet/atoll/internal/errs"
)

// timeoutDefault is how long a request may get nowhere when the client does not
// say.
const timeoutDefault = 30 * time.Second

// begin returns the context that a request's work runs in, and the timer that
// ends it when nothing moves.
func begin(r *http.Request) (context.Context, *idle.Timer, error) {
	limit := timeoutDefault
	if text := r.Header.Get(protocol.HeaderTimeout); text != "" {
		var err error
		if limit, err = time.ParseDuration(text); err != nil || limit < 0 {
			return nil, nil, errs.Newf("read request", protocol.HeaderTimeout, errs.Usage, "%.40q is no duration", text)
		}
	}
	ctx, timer := idle.New(r.Context(), limit, tooSlow(limit))
	return ctx, timer, nil
}

func tooSlow(limit time.Duration) error {
	err := errs.New("", "", errs.Timeout, fmt.Errorf("no progress for %v", limit))
	return errs.Hint(err, "see `peerctl status` and `peerctl peers`; --timeout gives it longer")
}

// verdict returns the error to report: where the backend only passes on that
// its context ended, the reason for which it ended.
func verdict(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if err == nil || cause == nil || errs.KindOf(cause) == errs.Interrupted {
		return err
	}
	switch errs.KindOf(err) {
	case errs.Other, errs.Interrupted, errs.Timeout:
		return cause
	}
	return err
}

// ask answers with one JSON document.
func ask[R any](do func(context.Context) (R, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, do)
	})
}

// askAbout answers with one JSON document about what the parameters name.
func askAbout[Q, R any](do func(context.Context, Q) (R, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q Q
		if err := protocol.ParseQuery(r, &q); err != nil {
			writeFailure(w, err)
			return
		}
		answer(w, r, func(ctx context.Context) (R, error) { return do(ctx, q) })
	})
}

func answer[R any](w http.ResponseWriter, r *http.Request, do func(context.Context) (R, error)) {
	ctx, timer, err := begin(r)
	if err != nil {
		writeFailure(w, err)
		return
	}
	defer timer.Stop()
	h := &head{w: w, timer: timer}
	result, err := do(api.WithObserver(ctx, h))
	h.finish()
	if err != nil {
		writeFailure(w, verdict(ctx, err))
		return
	}
	writeJSON(w, http.StatusOK, result)
}

func writeFailure(w http.ResponseWriter, err error) {
	writeJSON(w, protocol.StatusCode(errs.KindOf(err)), protocol.Failure{Error: api.NewError(err)})
}

// writeJSON sends a document. That it did not get through is the client's to
// see: the connection ends early.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
