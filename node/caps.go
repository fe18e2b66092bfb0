package node

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/transfer"
)

const (
	// capMin is the least cap, in bytes per second: below it the streams of one
	// extent, each of which must move within seconds, stand in each other's way.
	capMin = 128 << 10
	// capPiece is how much one stream moves before the next has its turn.
	capPiece = 8 << 10
)

// caps bound what share streams to and from other peers move, of this peer's user
// and of those that it serves: in bytes per second, each way. nil: no bound.
// Custody has a rate of its own.
type caps struct{ up, down *rate.Limiter }

func newCaps(up, down int) (c caps, err error) {
	for _, way := range []struct {
		to   **rate.Limiter
		max  int
		name string
	}{{&c.up, up, "up"}, {&c.down, down, "down"}} {
		if way.max == 0 {
			continue
		}
		if way.max < capMin {
			return c, errs.Newf("configure", "traffic."+way.name, errs.Usage, "%d bytes a second, want at least %d or 0", way.max, capMin)
		}
		*way.to = rate.NewLimiter(rate.Limit(way.max), capPiece)
	}
	return c, nil
}

// cap returns a stream that keeps to the caps.
func (c caps) cap(s transfer.Stream) transfer.Stream {
	if c.up == nil && c.down == nil {
		return s
	}
	return &capped{Stream: s, caps: c}
}

// capped is a stream that waits for its turn. That time does not count against
// its deadline: the peer at the other end is not to blame for it.
type capped struct {
	transfer.Stream
	caps caps

	mu       sync.Mutex
	deadline time.Time
}

func (c *capped) SetDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	return c.Stream.SetDeadline(t)
}

func (c *capped) Read(b []byte) (int, error) {
	if c.caps.down == nil {
		return c.Stream.Read(b)
	}
	n, err := c.Stream.Read(b[:min(len(b), capPiece)])
	c.wait(c.caps.down, n)
	return n, err
}

func (c *capped) Write(b []byte) (written int, err error) {
	if c.caps.up == nil {
		return c.Stream.Write(b)
	}
	for len(b) > 0 && err == nil {
		piece := b[:min(len(b), capPiece)]
		c.wait(c.caps.up, len(piece))
		var n int
		n, err = c.Stream.Write(piece)
		b, written = b[n:], written+n
	}
	return written, err
}

// wait waits until n bytes may be moved: at most as long as all streams that there
// may be take for a piece each.
func (c *capped) wait(l *rate.Limiter, n int) {
	delay := l.ReserveN(time.Now(), n).Delay()
	if delay <= 0 {
		return
	}
	c.mu.Lock()
	before := c.deadline
	c.mu.Unlock()
	time.Sleep(delay)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deadline.Equal(before) && !before.IsZero() { // else it was set, or interrupted, meanwhile
		c.deadline = before.Add(delay)
		_ = c.Stream.SetDeadline(c.deadline) // the next call reports what is wrong
	}
}

// capped returns a stream that a peer has opened so that it keeps to the caps.
func (n *Node) capped(remote wire.PeerID, s transfer.Stream) transfer.Stream {
	if remote == n.host.Self() {
		return s
	}
	return n.caps.cap(s)
}

// cappedNetwork is a network whose streams to others keep to the caps.
type cappedNetwork struct {
	network
	caps caps
}

func (n cappedNetwork) Open(ctx context.Context, peer wire.PeerID, protocol string) (transfer.Stream, error) {
	s, err := n.network.Open(ctx, peer, protocol)
	if err != nil || peer == n.host.Self() {
		return s, err
	}
	return n.caps.cap(s), nil
}
