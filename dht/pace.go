package dht

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/time/rate"
)

const (
	// givenPerSecond and givenBurst are how many records one peer is given, below
	// the putRate that it allows: what it refuses nobody confirms.
	givenPerSecond = 18
	givenBurst     = 180
	// givenReserve is how many of these many records, which nobody waits for, leave
	// to single ones.
	givenReserve = 60
	// pacedPeersMax is from how many peers on those are forgotten that have been
	// left alone.
	pacedPeersMax = 1024
)

// pace keeps what each peer is given within what it takes.
type pace struct {
	mu    sync.Mutex
	peers map[peer.ID]*peerPace // those of the last puts
}

type peerPace struct {
	rate *rate.Limiter
	busy chan struct{} // of many records
	// failures in a row
	failures atomic.Int32
}

// begin forgets who failed.
func (p *pace) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, at := range p.peers {
		at.failures.Store(0)
	}
	p.forget()
}

// forget drops peers that have been left alone for long enough to be given a burst
// again. As that takes ten seconds, they are not more than were given anything
// within ten seconds.
func (p *pace) forget() {
	maps.DeleteFunc(p.peers, func(_ peer.ID, at *peerPace) bool {
		return len(at.busy) == 0 && at.failures.Load() == 0 && at.rate.Tokens() >= givenBurst
	})
}

func (p *pace) of(id peer.ID) *peerPace {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.peers[id]
	if at == nil {
		if len(p.peers) >= pacedPeersMax {
			p.forget()
		}
		at = &peerPace{rate: rate.NewLimiter(givenPerSecond, givenBurst), busy: make(chan struct{}, manyAtOnce)}
		p.peers[id] = at
	}
	return at
}

// waitOfMany waits until the peer can be given one of many records, and single ones
// still find room.
func (p *peerPace) waitOfMany(ctx context.Context) error {
	for {
		lacks := givenReserve + 1 - p.rate.Tokens()
		if lacks <= 0 && p.rate.Allow() {
			return nil
		}
		if !sleep(ctx, time.Duration(max(lacks, 1)*float64(time.Second)/givenPerSecond)) {
			return ctx.Err()
		}
	}
}
