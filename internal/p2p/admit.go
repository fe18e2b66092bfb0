package p2p

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Limits bounds what others may ask of one protocol. A zero field takes its
// value from DefaultLimits.
type Limits struct {
	PerPeer     Rate // stream opens of one peer
	PerGroup    Rate // stream opens of one address group
	OpenPerPeer int  // streams of one peer served at the same time
	OpenTotal   int  // streams served at the same time
}

// DefaultLimits suits protocols of short questions and answers.
var DefaultLimits = Limits{
	PerPeer:     Rate{PerSecond: 50, Burst: 200},
	PerGroup:    Rate{PerSecond: 500, Burst: 2000},
	OpenPerPeer: 64,
	OpenTotal:   1024,
}

func (l Limits) complete() Limits {
	if l.PerPeer == (Rate{}) {
		l.PerPeer = DefaultLimits.PerPeer
	}
	if l.PerGroup == (Rate{}) {
		l.PerGroup = DefaultLimits.PerGroup
	}
	if l.OpenPerPeer == 0 {
		l.OpenPerPeer = DefaultLimits.OpenPerPeer
	}
	if l.OpenTotal == 0 {
		l.OpenTotal = DefaultLimits.OpenTotal
	}
	return l
}

// admission applies the limits of one protocol.
type admission struct {
	limits  Limits
	peers   *Buckets[peer.ID]
	groups  *Buckets[string]
	refused *atomic.Uint64

	mu    sync.Mutex
	open  map[peer.ID]int // as many entries as streams at most, so OpenTotal
	total int
}

func newAdmission(l Limits, refused *atomic.Uint64, now func() time.Time) *admission {
	l = l.complete()
	return &admission{
		limits:  l,
		peers:   NewBuckets[peer.ID](l.PerPeer, now),
		groups:  NewBuckets[string](l.PerGroup, now),
		refused: refused,
		open:    map[peer.ID]int{},
	}
}

// admit reports whether p may have one more stream; if so, release must be
// called when the stream is done with.
func (a *admission) admit(p peer.ID, group string) bool {
	if a.peers.Take(p) && a.groups.Take(group) && a.acquire(p) {
		return true
	}
	a.refused.Add(1)
	return false
}

func (a *admission) acquire(p peer.ID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.total >= a.limits.OpenTotal || a.open[p] >= a.limits.OpenPerPeer {
		return false
	}
	a.total++
	a.open[p]++
	return true
}

func (a *admission) release(p peer.ID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.total--
	if a.open[p]--; a.open[p] == 0 {
		delete(a.open, p)
	}
}
