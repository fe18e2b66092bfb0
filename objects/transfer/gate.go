package transfer

import (
	"sync"

	"github.com/atollnet/atoll/internal/wire"
)

// gate counts what peers occupy, streams or bytes, against a limit for each
// peer and one for all. It holds an entry only for peers that occupy something.
type gate struct {
	perPeerMax, allMax int

	mu     sync.Mutex
	all    int
	byPeer map[wire.PeerID]int
}

func newGate(perPeerMax, allMax int) *gate {
	return &gate{perPeerMax: perPeerMax, allMax: allMax, byPeer: make(map[wire.PeerID]int)}
}

// take occupies n, or nothing if that would exceed a limit.
func (g *gate) take(peer wire.PeerID, n int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.all+n > g.allMax || g.byPeer[peer]+n > g.perPeerMax {
		return false
	}
	g.all += n
	g.byPeer[peer] += n
	return true
}

// give frees n that take has occupied.
func (g *gate) give(peer wire.PeerID, n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all -= n
	if g.byPeer[peer] -= n; g.byPeer[peer] == 0 {
		delete(g.byPeer, peer)
	}
}
