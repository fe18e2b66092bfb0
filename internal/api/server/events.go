package server

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/idle"
	"github.com/atollnet/atoll/internal/api/protocol"
)

const (
	// progressEvery is the least time between two progress lines.
	progressEvery = 200 * time.Millisecond
	// flushEvery is the longest time that entries wait in a buffer while more
	// of them come.
	flushEvery = 200 * time.Millisecond
	// drainTimeout is how long the rest of a request's body is read after the
	// answer, so that the client can read that answer before it sees the
	// connection close.
	drainTimeout = 5 * time.Second
)

// work does a request whose answer is a stream of events and returns its
// result. The body may take its time.
type work func(ctx context.Context, r *http.Request, body io.Reader, e *events) (result any, err error)

// stream answers with a stream of events, in one direction while the body comes
// in the other.
func stream(do work) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		ctx, timer, err := begin(r)
		if err == nil {
			err = control.EnableFullDuplex()
		}
		if err != nil {
			writeFailure(w, err)
			return
		}
		defer timer.Stop()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		w.Header().Set("Content-Type", "application/jsonl")
		e := &events{timer: timer, w: w, control: control, cancel: cancel}
		e.flush()
		result, err := do(api.WithObserver(ctx, e), r, timer.Reader(r.Body), e)
		e.end(result, verdict(ctx, err))
		drain(control, r.Body)
	})
}

func drain(control *http.ResponseController, body io.Reader) {
	if body != http.NoBody && control.SetReadDeadline(time.Now().Add(drainTimeout)) == nil {
		_, _ = io.Copy(io.Discard, body)
		_ = control.SetReadDeadline(time.Time{})
	}
}

// events is an answer that is a stream of events, and the request's observer.
type events struct {
	timer   *idle.Timer
	cancel  context.CancelFunc // when the client is gone
	control *http.ResponseController

	mu       sync.Mutex
	w        http.ResponseWriter
	ended    bool
	progress time.Time // of the last progress line
	flushed  time.Time
}

func (e *events) Progress(p api.Progress) {
	e.timer.Touch()
	e.mu.Lock()
	defer e.mu.Unlock()
	if now := time.Now(); now.Sub(e.progress) >= progressEvery {
		e.progress = now
		e.send(protocol.Event{Progress: &p}, true)
	}
}

func (e *events) Note(text string) {
	e.timer.Touch()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.send(protocol.Event{Note: text}, true)
}

// entry sends an entry; the client may take its time to read it.
func (e *events) entry(entry api.Entry) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.send(protocol.Event{Entry: &entry}, false)
}

// end sends the last event.
func (e *events) end(result any, failure error) {
	last := protocol.Event{}
	if failure == nil {
		last.Result, failure = json.Marshal(result)
	}
	if failure != nil {
		last.Error = api.NewError(failure)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	_ = e.send(last, true)
	e.ended = true
}

// send writes a line. The caller holds the lock. A client that is gone ends the
// request.
func (e *events) send(event protocol.Event, now bool) error {
	if e.ended {
		return nil
	}
	line, err := json.Marshal(event)
	if err != nil {
		return err
	}
	e.timer.Wait(func() {
		_, err = e.w.Write(append(line, '\n'))
		if err == nil && (now || time.Since(e.flushed) >= flushEvery) {
			err = e.flush()
		}
	})
	if err != nil {
		e.cancel()
	}
	return err
}

func (e *events) flush() error {
	e.flushed = time.Now()
	return e.control.Flush()
}
