package transfer

import (
	"container/list"
	"math"
	"math/bits"
	"sync"
	"sync/atomic"
	"time"

	"github.com/atollnet/atoll/internal/wire"
)

// peerTable remembers how peers have answered. The least recently used is
// forgotten when there are too many.
type peerTable struct {
	max      int
	distance func(wire.PeerID) (time.Duration, bool)
	bad      atomic.Uint64 // answers that did not prove what they claimed

	mu    sync.Mutex
	by    map[wire.PeerID]*list.Element // of *standing
	order *list.List                    // the last used first
}

// standing is what is remembered of one peer.
type standing struct {
	peer     wire.PeerID
	cost     float64 // seconds per byte, of answers and a fixed part
	failures int     // in a row
	avoid    time.Time
}

// costFixedBytes is how many bytes a request weighs beside those of its
// answer, so that a small answer makes a peer look neither slow nor fast.
const costFixedBytes = 256 << 10

func newPeerTable(max int, distance func(wire.PeerID) (time.Duration, bool)) *peerTable {
	return &peerTable{max: max, distance: distance, by: make(map[wire.PeerID]*list.Element), order: list.New()}
}

// get returns the standing of a peer, a new one if there is none. The caller
// holds mu.
func (t *peerTable) get(peer wire.PeerID) *standing {
	if e, ok := t.by[peer]; ok {
		t.order.MoveToFront(e)
		return e.Value.(*standing)
	}
	if len(t.by) >= t.max {
		oldest := t.order.Back()
		delete(t.by, oldest.Value.(*standing).peer)
		t.order.Remove(oldest)
	}
	s := &standing{peer: peer}
	t.by[peer] = t.order.PushFront(s)
	return s
}

// answered notes that an answer of so many bytes took so long.
func (t *peerTable) answered(peer wire.PeerID, bytes int, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.get(peer)
	s.failures, s.avoid = 0, time.Time{}
	s.measure(bytes, took)
}

// slow notes that an answer would have taken longer than that.
func (t *peerTable) slow(peer wire.PeerID, bytes int, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.get(peer).measure(bytes, 2*took)
}

// measure takes a measurement into the moving average.
func (s *standing) measure(bytes int, took time.Duration) {
	cost := took.Seconds() / float64(bytes+costFixedBytes)
	if s.cost == 0 {
		s.cost = cost
	}
	s.cost += (cost - s.cost) / 4
}

// failed notes that a peer could not be asked, or broke off: it is asked last
// for a time that doubles with every failure in a row.
func (t *peerTable) failed(peer wire.PeerID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.get(peer)
	s.avoid = time.Now().Add(min(fetchFailurePenalty<<min(s.failures, 16), fetchFailurePenaltyMax))
	s.failures++
}

// lied notes an answer that did not prove what it claims.
func (t *peerTable) lied(peer wire.PeerID) {
	t.bad.Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.get(peer).avoid = time.Now().Add(fetchLiePenalty)
}

// expected returns how long an answer of so many bytes is likely to take; 0 if
// the peer was never measured.
func (t *peerTable) expected(peer wire.PeerID, bytes int) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.by[peer]
	if !ok {
		return 0
	}
	return time.Duration(e.Value.(*standing).cost * float64(bytes+costFixedBytes) * float64(time.Second))
}

// rank orders peers by when they are likely to answer. Within a factor of two
// peers are equals.
type rank int

// rankAvoided is added for peers that are asked last.
const rankAvoided rank = 1 << 10

// rank returns the rank of a peer that has so many other requests to answer.
func (t *peerTable) rank(peer wire.PeerID, load int) rank {
	t.mu.Lock()
	defer t.mu.Unlock()
	cost, avoided := 0.0, false
	if e, ok := t.by[peer]; ok {
		s := e.Value.(*standing)
		cost, avoided = s.cost, time.Now().Before(s.avoid)
	}
	if cost == 0 {
		cost = t.guess(peer)
	}
	r := rank(math.Ilogb(cost)) + rank(bits.Len(uint(load)))
	if avoided {
		r += rankAvoided
	}
	return r
}

// guess returns the cost of a peer that was never measured.
func (t *peerTable) guess(peer wire.PeerID) float64 {
	seconds := fetchUnknownSeconds
	if t.distance != nil {
		if d, ok := t.distance(peer); ok {
			seconds = d.Seconds()
		}
	}
	return 1/fetchUnknownBytesPerSec + seconds/(fetchRequestBytes+costFixedBytes)
}
