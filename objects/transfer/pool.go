package transfer

import (
	"context"
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/wire"
)

// pool keeps get streams open for the next request: opening one costs several
// times as much as a small request. It bounds those in use at one peer, and
// those idle at one peer and in all.
type pool struct {
	cfg FetcherConfig

	mu     sync.Mutex
	by     map[wire.PeerID]*pooled
	idle   int
	reaper *time.Timer // runs while a stream is idle
	closed bool
}

// pooled is what one peer has of the pool.
type pooled struct {
	slots chan struct{} // one element for each stream in use
	users int           // in use or waiting for a slot
	idle  []idleStream  // the last used last
}

type idleStream struct {
	stream *paced
	since  time.Time
}

func newPool(c FetcherConfig) *pool {
	return &pool{cfg: c, by: make(map[wire.PeerID]*pooled)}
}

// lease is a stream in use.
type lease struct {
	pool   *pool
	peer   wire.PeerID
	stream *paced
	reused bool
}

// get returns a stream to the peer, an idle one unless fresh is asked for. It
// waits while too many are in use.
func (p *pool) get(ctx context.Context, peer wire.PeerID, fresh bool) (*lease, error) {
	e := p.enter(peer)
	select {
	case e.slots <- struct{}{}:
	case <-ctx.Done():
		p.leave(peer, nil)
		return nil, context.Cause(ctx)
	}
	l := &lease{pool: p, peer: peer}
	if !fresh {
		l.stream = p.takeIdle(e)
		l.reused = l.stream != nil
	}
	if l.stream == nil {
		s, err := p.open(ctx, peer)
		if err != nil {
			<-e.slots
			p.leave(peer, nil)
			return nil, err
		}
		l.stream = &paced{Stream: s}
	}
	return l, nil
}

// open opens a stream within its time.
func (p *pool) open(ctx context.Context, peer wire.PeerID) (Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, p.cfg.OpenTimeout)
	defer cancel()
	return p.cfg.Network.Open(ctx, peer, ProtocolGet)
}

// keep gives a stream back for the next request.
func (l *lease) keep() {
	l.stream.disarm()
	l.pool.give(l.peer, l.stream)
}

// drop gives a stream back that cannot be used again.
func (l *lease) drop() {
	l.stream.Reset()
	l.pool.give(l.peer, nil)
}

// enter counts a user of a peer's streams.
func (p *pool) enter(peer wire.PeerID) *pooled {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.by[peer]
	if e == nil {
		e = &pooled{slots: make(chan struct{}, p.cfg.StreamsPerPeerMax)}
		p.by[peer] = e
	}
	e.users++
	return e
}

func (p *pool) takeIdle(e *pooled) *paced {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(e.idle)
	if n == 0 {
		return nil
	}
	s := e.idle[n-1].stream
	e.idle = e.idle[:n-1]
	p.idle--
	return s
}

// give ends the use of a stream; nil if it is gone.
func (p *pool) give(peer wire.PeerID, s *paced) {
	p.mu.Lock()
	<-p.by[peer].slots
	p.mu.Unlock()
	p.leave(peer, s)
}

// leave ends a user's time and keeps the stream, if there is one and room for
// it.
func (p *pool) leave(peer wire.PeerID, s *paced) {
	p.mu.Lock()
	e := p.by[peer]
	e.users--
	keep := s != nil && !p.closed && len(e.idle) < p.cfg.IdlePerPeerMax && p.idle < p.cfg.IdleMax
	if keep {
		e.idle = append(e.idle, idleStream{s, time.Now()})
		p.idle++
		if p.reaper == nil {
			p.reaper = time.AfterFunc(p.cfg.IdleTimeout, p.reap)
		}
	}
	p.forget(peer, e)
	p.mu.Unlock()
	if s != nil && !keep {
		s.Close()
	}
}

// forget removes a peer that has nothing of the pool. The caller holds mu.
func (p *pool) forget(peer wire.PeerID, e *pooled) {
	if e.users == 0 && len(e.idle) == 0 {
		delete(p.by, peer)
	}
}

// reap ends the streams that have been idle for too long, and comes back while
// others are.
func (p *pool) reap() { p.end(time.Now().Add(-p.cfg.IdleTimeout)) }

// close ends all idle streams; none is kept any more.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	if p.reaper != nil {
		p.reaper.Stop()
	}
	p.mu.Unlock()
	p.end(time.Now().Add(time.Hour))
}

// end ends the streams that have been idle since before then.
func (p *pool) end(then time.Time) {
	var old []*paced
	p.mu.Lock()
	for peer, e := range p.by {
		n := 0
		for n < len(e.idle) && !e.idle[n].since.After(then) {
			old = append(old, e.idle[n].stream)
			n++
		}
		e.idle = append([]idleStream(nil), e.idle[n:]...)
		p.idle -= n
		p.forget(peer, e)
	}
	p.reaper = nil
	if p.idle > 0 {
		p.reaper = time.AfterFunc(p.cfg.IdleTimeout/2, p.reap)
	}
	p.mu.Unlock()
	for _, s := range old {
		s.Close()
	}
}
