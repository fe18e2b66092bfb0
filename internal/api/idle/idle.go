// Package idle ends work that gets nowhere: a timer that starts again whenever
// something moved, and stands still while somebody else is to move.
//
// It must never end work that moves, however long that takes.
package idle

import (
	"context"
	"io"
	"sync"
	"time"
)

// Timer cancels a context when nothing happened for its limit. Its methods may
// be called from any goroutine, and on a nil Timer, which never ends anything.
type Timer struct {
	limit time.Duration
	timer *time.Timer

	mu      sync.Mutex
	waiting int // how many pauses are open
	over    bool
}

// New returns a context that is cancelled with the given cause after limit
// without a Touch, and its timer. A limit of 0 or less means: never. The caller
// calls Stop when the work is done.
func New(parent context.Context, limit time.Duration, cause error) (context.Context, *Timer) {
	ctx, cancel := context.WithCancelCause(parent)
	if limit <= 0 {
		limit = 1<<63 - 1
	}
	t := &Timer{limit: limit}
	t.timer = time.AfterFunc(limit, func() { t.expire(cancel, cause) })
	context.AfterFunc(ctx, func() { t.timer.Stop() })
	return ctx, t
}

func (t *Timer) expire(cancel context.CancelCauseFunc, cause error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting == 0 && !t.over {
		cancel(cause)
	}
}

// Touch says that something moved.
func (t *Timer) Touch() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting == 0 && !t.over {
		t.timer.Reset(t.limit)
	}
}

// Stop says that the work is done. The context is not cancelled by it.
func (t *Timer) Stop() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	t.timer.Stop()
}

// Wait runs f, which waits for somebody who may take his time, and starts the
// time again after it.
func (t *Timer) Wait(f func()) {
	t.Pause()
	defer t.Resume()
	f()
}

// Pause makes the time stand still until a Resume; pauses nest.
func (t *Timer) Pause() { t.pause(+1) }

// Resume ends a Pause. After the last one the time starts again.
func (t *Timer) Resume() { t.pause(-1) }

func (t *Timer) pause(by int) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting += by
	switch {
	case t.over:
	case t.waiting > 0:
		t.timer.Stop()
	default:
		t.timer.Reset(t.limit)
	}
}

// Reader returns a reader of r, which may take its time.
func (t *Timer) Reader(r io.Reader) io.Reader { return &reader{t, r} }

type reader struct {
	t *Timer
	r io.Reader
}

func (r *reader) Read(p []byte) (n int, err error) {
	r.t.Wait(func() { n, err = r.r.Read(p) })
	return n, err
}

// Writer returns a writer to w, which may take its time.
func (t *Timer) Writer(w io.Writer) io.Writer { return &writer{t, w} }

type writer struct {
	t *Timer
	w io.Writer
}

func (w *writer) Write(p []byte) (n int, err error) {
	w.t.Wait(func() { n, err = w.w.Write(p) })
	return n, err
}
