package node

import (
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/wire"
)

// livesMax bounds the peers whose last sign of life is remembered, at about 100
// bytes each. Of one too many nothing is noted: it never counts as silent.
const livesMax = 65536

// pulse remembers when peers were last known to live. The first look at a peer
// counts as a sign of life: nobody is found silent by one who was off.
type pulse struct {
	mu    sync.Mutex
	peers map[wire.PeerID]life
}

type life struct {
	last   time.Time // sign of life
	called time.Time // when it was last called on
}

func newPulse() *pulse { return &pulse{peers: make(map[wire.PeerID]life)} }

// beat notes that a peer lives.
func (p *pulse) beat(peer wire.PeerID, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.of(peer, now)
	l.last = now
	p.keep(peer, l)
}

// due reports whether a peer of which nothing was heard for an interval is to be
// called on now, and notes that it is.
func (p *pulse) due(peer wire.PeerID, now time.Time, interval time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.of(peer, now)
	due := now.Sub(l.last) >= interval && now.Sub(l.called) >= interval
	if due {
		l.called = now
	}
	p.keep(peer, l)
	return due
}

// silent reports whether nothing was heard of a peer for longer than a limit,
// although it was called on.
func (p *pulse) silent(peer wire.PeerID, now time.Time, limit time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	l, noted := p.peers[peer]
	return noted && now.Sub(l.last) > limit && l.called.After(l.last)
}

func (p *pulse) of(peer wire.PeerID, now time.Time) life {
	if l, noted := p.peers[peer]; noted {
		return l
	}
	return life{last: now}
}

func (p *pulse) keep(peer wire.PeerID, l life) {
	if _, noted := p.peers[peer]; noted || len(p.peers) < livesMax {
		p.peers[peer] = l
	}
}
