package transfer

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

// A pipe in memory that behaves as a stream between two peers does: buffered,
// closed in each direction on its own, reset in both.

const pipeBytes = 64 << 10

var errReset = errors.New("stream reset")

type pipeEnd struct{ in, out *pipeLane }

func newPipe() (a, b *pipeEnd) {
	x, y := newPipeLane(), newPipeLane()
	return &pipeEnd{in: x, out: y}, &pipeEnd{in: y, out: x}
}

func (e *pipeEnd) Read(b []byte) (int, error)  { return e.in.read(b) }
func (e *pipeEnd) Write(b []byte) (int, error) { return e.out.write(b) }

func (e *pipeEnd) CloseWrite() error {
	e.out.set(func(l *pipeLane) { l.finish(io.EOF) })
	return nil
}

func (e *pipeEnd) Close() error {
	e.CloseWrite()
	e.in.set(func(l *pipeLane) { l.gone, l.buf = true, nil })
	return nil
}

func (e *pipeEnd) Reset() error {
	for _, l := range []*pipeLane{e.in, e.out} {
		l.set(func(l *pipeLane) { l.finish(errReset); l.gone, l.buf = true, nil })
	}
	return nil
}

func (e *pipeEnd) SetDeadline(t time.Time) error {
	e.in.set(func(l *pipeLane) { l.readBy = t })
	e.out.set(func(l *pipeLane) { l.writeBy = t })
	return nil
}

type pipeLane struct {
	mu              sync.Mutex
	changed         chan struct{}
	buf             []byte
	over            error
	gone            bool
	readBy, writeBy time.Time
}

func newPipeLane() *pipeLane { return &pipeLane{changed: make(chan struct{})} }

func (l *pipeLane) finish(err error) {
	if l.over == nil || err != io.EOF {
		l.over = err
	}
}

func (l *pipeLane) set(f func(*pipeLane)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l)
	l.wake()
}

func (l *pipeLane) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *pipeLane) read(b []byte) (n int, err error) {
	err = l.until(&l.readBy, func() (bool, error) {
		switch {
		case len(l.buf) > 0:
			n = copy(b, l.buf)
			l.buf = l.buf[n:]
			return true, nil
		case l.over != nil:
			return true, l.over
		case l.gone:
			return true, io.ErrClosedPipe
		}
		return false, nil
	})
	return n, err
}

func (l *pipeLane) write(b []byte) (n int, err error) {
	err = l.until(&l.writeBy, func() (bool, error) {
		switch {
		case l.over != nil && l.over != io.EOF:
			return true, l.over
		case l.over != nil || l.gone:
			return true, io.ErrClosedPipe
		}
		m := min(len(b)-n, pipeBytes-len(l.buf))
		l.buf = append(l.buf, b[n:n+m]...)
		n += m
		if m > 0 {
			l.wake()
		}
		return n == len(b), nil
	})
	return n, err
}

func (l *pipeLane) until(by *time.Time, step func() (bool, error)) error {
	for {
		l.mu.Lock()
		if !by.IsZero() && !time.Now().Before(*by) {
			l.mu.Unlock()
			return os.ErrDeadlineExceeded
		}
		done, err := step()
		if done {
			l.wake()
			l.mu.Unlock()
			return err
		}
		changed, deadline := l.changed, *by
		l.mu.Unlock()
		var late <-chan time.Time
		var timer *time.Timer
		if !deadline.IsZero() {
			timer = time.NewTimer(time.Until(deadline))
			late = timer.C
		}
		select {
		case <-changed:
		case <-late:
		}
		if timer != nil {
			timer.Stop()
		}
	}
}
