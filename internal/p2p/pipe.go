package p2p

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/atollnet/atoll/internal/wire"
)

// pipeBytesMax is the most bytes in flight in one direction of a pipe, the same
// as a fresh stream's window.
const pipeBytesMax = 256 << 10

// end is one end of a pipe in memory. It behaves as a stream between two peers
// does: buffered, closed in each direction on its own, reset in both.
type end struct {
	in, out *lane
}

// Pipe returns the two ends of a stream between two peers that runs through
// memory: what Open gives for this peer itself, and what tests of protocols use
// in place of a network. It has no goroutine.
func Pipe(a, b wire.PeerID) (atA, atB *Stream) {
	x, y := newPipe()
	return &Stream{x, b}, &Stream{y, a}
}

// newPipe returns the two ends of a pipe.
func newPipe() (a, b *end) {
	x, y := newLane(), newLane()
	return &end{in: x, out: y}, &end{in: y, out: x}
}

func (e *end) Read(b []byte) (int, error)  { return e.in.read(b) }
func (e *end) Write(b []byte) (int, error) { return e.out.write(b) }

// CloseWrite ends what this end writes.
func (e *end) CloseWrite() error {
	e.out.end(io.EOF)
	return nil
}

// Close ends both directions: the other end reads what was written, and its
// writes fail from now on.
func (e *end) Close() error {
	e.out.end(io.EOF)
	e.in.drop()
	return nil
}

// Reset ends both directions at once and drops what is in flight.
func (e *end) Reset() error {
	for _, l := range []*lane{e.in, e.out} {
		l.end(network.ErrReset)
		l.drop()
	}
	return nil
}

// SetDeadline bounds reads and writes of this end, pending ones included.
func (e *end) SetDeadline(t time.Time) error {
	e.in.deadline(&e.in.readBy, t)
	e.out.deadline(&e.out.writeBy, t)
	return nil
}

// lane is one direction of a pipe.
type lane struct {
	mu              sync.Mutex
	changed         chan struct{} // closed and replaced whenever a field below changes
	buf             []byte
	over            error // what a reader finds after buf; nil while the writer may write
	dropped         bool  // nobody reads any more
	readBy, writeBy time.Time
}

func newLane() *lane { return &lane{changed: make(chan struct{})} }

// wake tells waiters that something changed. The caller holds mu.
func (l *lane) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *lane) end(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over == nil || err != io.EOF {
		l.over = err
	}
	l.wake()
}

func (l *lane) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropped, l.buf = true, nil
	l.wake()
}

func (l *lane) deadline(by *time.Time, t time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*by = t
	l.wake()
}

func (l *lane) read(b []byte) (n int, err error) {
	err = l.until(&l.readBy, func() (bool, error) {
		switch {
		case len(l.buf) > 0:
			n = copy(b, l.buf)
			l.buf = l.buf[n:]
			return true, nil
		case l.over != nil:
			return true, l.over
		case l.dropped:
			return true, io.ErrClosedPipe
		}
		return len(b) == 0, nil
	})
	return n, err
}

func (l *lane) write(b []byte) (n int, err error) {
	err = l.until(&l.writeBy, func() (bool, error) {
		switch {
		case l.over != nil && l.over != io.EOF:
			return true, l.over
		case l.over != nil || l.dropped:
			return true, io.ErrClosedPipe
		}
		m := min(len(b)-n, pipeBytesMax-len(l.buf))
		l.buf = append(l.buf, b[n:n+m]...)
		n += m
		if m > 0 {
			l.wake()
		}
		return n == len(b), nil
	})
	return n, err
}

// until calls step, with mu held, each time something changed, until it is
// done or the deadline has passed.
func (l *lane) until(by *time.Time, step func() (done bool, err error)) error {
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
		changed, late := l.changed, timer(*by)
		l.mu.Unlock()
		select {
		case <-changed:
		case <-late:
		}
	}
}

// timer returns a channel that fires at t; nil, which never does, for the zero
// time.
func timer(t time.Time) <-chan time.Time {
	if t.IsZero() {
		return nil
	}
	return time.After(time.Until(t))
}
