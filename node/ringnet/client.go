package ringnet

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

const (
	// spareStreamsMax is how many streams to one peer stay open for the next
	// questions: as many as a busy gateway has under way, since a peer bounds how
	// often streams are opened. spareTime is how long: well below the time after
	// which the peer closes them.
	spareStreamsMax = 64
	spareTime       = 20 * time.Second
	// sparePeersMax is to how many peers streams stay open.
	sparePeersMax = 256
)

// Client asks questions. It keeps streams open for the next question: opening
// one costs more than most answers. All its methods are safe for concurrent
// use.
type Client struct {
	net   Network
	asked [kindsMax]atomic.Uint64 // by kind

	mu     sync.Mutex
	closed bool
	spare  map[wire.PeerID][]*spare // the last used last
}

// spare is an open stream on which nothing is under way.
type spare struct {
	stream *p2p.Stream
	expire *time.Timer
}

// NewClient returns a client over a network.
func NewClient(net Network) *Client {
	return &Client{net: net, spare: make(map[wire.PeerID][]*spare)}
}

// Asked returns how many questions of a kind were asked: tests hold round trips to
// it.
func (c *Client) Asked(k Kind) uint64 { return c.asked[k%kindsMax].Load() }

// Close closes the streams that are kept open.
func (c *Client) Close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, kept := range c.spare {
		for _, s := range kept {
			s.expire.Stop()
			s.stream.Reset()
		}
	}
	c.spare = nil
}

// Ask asks a peer, this one too, and returns its answer. Questions must be
// harmless if asked twice: one whose stream turns out to be dead is. Errors: what
// the peer says, with its kind; ErrAnswer, also for more than one answer; the
// network's; the context's.
func Ask[A any](ctx context.Context, c *Client, peer wire.PeerID, k Kind, q any) (a A, err error) {
	err = listen(ctx, c, peer, k, q, func(got A, more bool) error {
		a = got
		if more {
			return fmt.Errorf("%w: many answers to a question that has one", ErrAnswer)
		}
		return nil
	})
	return a, err
}

// Listen asks a question that has many answers and hands each to each, until
// the last one or until each fails.
func Listen[A any](ctx context.Context, c *Client, peer wire.PeerID, k Kind, q any, each func(A) error) error {
	return listen(ctx, c, peer, k, q, func(a A, _ bool) error { return each(a) })
}

func listen[A any](ctx context.Context, c *Client, peer wire.PeerID, k Kind, q any, each func(a A, more bool) error) error {
	c.asked[k%kindsMax].Add(1)
	body := wire.Marshal(question{Kind: k, Body: wire.Marshal(q)})
	heard := false
	take := func(got answer) error {
		heard = true
		var a A
		if got.Failure != nil {
			return nil
		}
		if err := wire.Unmarshal(got.Body, &a, AnswerBytesMax); err != nil {
			return fmt.Errorf("%w: %w", ErrAnswer, err)
		}
		return each(a, got.More)
	}
	s, used := c.take(peer), true
	for {
		if s == nil {
			var err error
			if s, err = c.net.Open(ctx, peer, AskProtocol); err != nil {
				return err
			}
			used = false
		}
		err := c.converse(ctx, s, body, take)
		if !used || heard || err == nil || ctx.Err() != nil {
			return err
		}
		s = nil // the peer had closed it meanwhile
	}
}

// converse asks on one stream, which is kept for later if all went well.
func (c *Client) converse(ctx context.Context, s *p2p.Stream, body []byte, take func(answer) error) error {
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	failed, err := exchange(s, body, take)
	if !stop() || err != nil {
		s.Reset()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	c.keep(s)
	if failed != nil {
		return failed.err(s.Remote())
	}
	return nil
}

func exchange(s *p2p.Stream, body []byte, take func(answer) error) (*failure, error) {
	if err := frame.Write(s, body); err != nil {
		return nil, err
	}
	for {
		var a answer
		if err := frame.ReadMessage(s, &a, AnswerBytesMax); err != nil {
			return nil, err
		}
		if err := take(a); err != nil || a.Failure != nil || !a.More {
			return a.Failure, err
		}
	}
}

// take returns an open stream to a peer, or nil.
func (c *Client) take(peer wire.PeerID) *p2p.Stream {
	c.mu.Lock()
	defer c.mu.Unlock()
	kept := c.spare[peer]
	for len(kept) > 0 {
		last := kept[len(kept)-1]
		kept = kept[:len(kept)-1]
		c.set(peer, kept)
		if last.expire.Stop() {
			return last.stream
		}
	}
	return nil
}

// keep holds a stream open for a while.
func (c *Client) keep(s *p2p.Stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	peer := s.Remote()
	kept := c.spare[peer]
	if c.closed || len(kept) >= spareStreamsMax || len(kept) == 0 && len(c.spare) >= sparePeersMax {
		s.Reset()
		return
	}
	fresh := &spare{stream: s}
	fresh.expire = time.AfterFunc(spareTime, func() { c.expire(peer, fresh) })
	c.spare[peer] = append(kept, fresh)
}

func (c *Client) expire(peer wire.PeerID, old *spare) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, s := range c.spare[peer] {
		if s == old {
			c.set(peer, append(c.spare[peer][:i:i], c.spare[peer][i+1:]...))
		}
	}
	old.stream.Reset()
}

// set replaces a peer's streams. The caller holds mu.
func (c *Client) set(peer wire.PeerID, kept []*spare) {
	if len(kept) == 0 {
		delete(c.spare, peer)
		return
	}
	c.spare[peer] = kept
}
