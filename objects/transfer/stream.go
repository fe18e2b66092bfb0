package transfer

import (
	"context"
	"encoding/binary"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/wire"
)

// Protocols that a Server answers.
const (
	ProtocolPut = "/atoll/share-put/1"
	ProtocolGet = "/atoll/share-get/1"
)

// Stream is a two-way byte stream to a peer. One goroutine may read while
// another writes; Reset and SetDeadline may be called from any.
type Stream interface {
	io.Reader
	io.Writer
	CloseWrite() error
	Close() error
	Reset() error
	SetDeadline(time.Time) error
}

// Network opens streams to peers, to oneself too.
type Network interface {
	Open(ctx context.Context, peer wire.PeerID, protocol string) (Stream, error)
}

// paced is a stream with a progress deadline and, while allow says so, a
// minimum average rate: a peer can neither fall silent nor trickle. One
// goroutine uses it, but for interrupt, which any may call.
type paced struct {
	Stream
	stall time.Duration // the longest one Read or piece of a Write may take
	by    time.Time     // when the whole exchange must be over; zero: no bound
	armed time.Time     // the deadline that is set; zero: none
	over  atomic.Bool   // no further call may begin
}

// armEvery is the part of the progress deadline for which one setting of it
// serves: setting it costs as much as moving 30 KiB.
const armEvery = 8

// allow bounds the exchange of the next bytes: as long as they take at rate
// bytes per second, and a grace.
func (p *paced) allow(bytes, rate int, grace time.Duration) {
	p.by = time.Now().Add(grace + lasting(bytes, rate))
}

// lasting returns how long bytes take at a rate, in bytes per second.
func lasting(bytes, rate int) time.Duration {
	return time.Duration(float64(bytes) / float64(rate) * float64(time.Second))
}

// arm lets the next call take until the progress deadline.
func (p *paced) arm() error {
	deadline := time.Now().Add(p.stall)
	if !p.by.IsZero() && p.by.Before(deadline) {
		deadline = p.by
	}
	if later := deadline.Sub(p.armed); p.armed.IsZero() || later < 0 || later > p.stall/armEvery {
		if err := p.SetDeadline(deadline); err != nil {
			return err
		}
		p.armed = deadline
	}
	// In this order: interrupt sets the flag before its deadline.
	if p.over.Load() {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// interrupt makes the calls under way, and all later ones, fail.
func (p *paced) interrupt() {
	p.over.Store(true)
	p.SetDeadline(time.Unix(1, 0))
}

// disarm lets calls under way wait for as long as they like.
func (p *paced) disarm() error {
	p.armed = time.Time{}
	return p.SetDeadline(time.Time{})
}

func (p *paced) Read(b []byte) (int, error) {
	if err := p.arm(); err != nil {
		return 0, err
	}
	return p.Stream.Read(b)
}

func (p *paced) Write(b []byte) (written int, err error) {
	for len(b) > 0 && err == nil {
		if err = p.arm(); err != nil {
			break
		}
		var n int
		n, err = p.Stream.Write(b[:min(len(b), pieceBytes)])
		b, written = b[n:], written+n
	}
	return written, err
}

// writeBuffers hold the first piece of a frame with its header before it.
var writeBuffers = sync.Pool{New: func() any { return new([pieceBytes]byte) }}

// writeFrame writes payload as one frame. The header goes with the first piece:
// copying that costs less than a write of its own.
func (p *paced) writeFrame(payload []byte) error {
	buf := writeBuffers.Get().(*[pieceBytes]byte)
	defer writeBuffers.Put(buf)
	binary.BigEndian.PutUint32(buf[:], uint32(len(payload)))
	n := copy(buf[frame.HeaderBytes:], payload)
	if _, err := p.Write(buf[:frame.HeaderBytes+n]); err != nil {
		return err
	}
	_, err := p.Write(payload[n:])
	return err
}
