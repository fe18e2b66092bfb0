package ringnet

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

var errDown = errors.New("the peer is down")

func peer(n byte) wire.PeerID { return wire.PeerID(wire.NewKey([32]byte{n}).Public()) }

// mesh is a network of peers in memory, whose time is that of the bubble which it
// is used in.
type mesh struct {
	mu     sync.Mutex
	served map[wire.PeerID]map[string]p2p.Handler
	opened map[wire.PeerID]int // streams and attempts, by destination
	gate   chan struct{}       // if not nil, streams open once it is closed
}

func newMesh() *mesh {
	return &mesh{served: make(map[wire.PeerID]map[string]p2p.Handler), opened: make(map[wire.PeerID]int)}
}

// dials returns how often somebody tried to open a stream to a peer.
func (m *mesh) dials(to wire.PeerID) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.opened[to]
}

// remove makes a peer one that is down.
func (m *mesh) remove(p wire.PeerID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.served, p)
}

// at returns what a peer sees of the network.
func (m *mesh) at(self wire.PeerID) place { return place{m, self} }

type place struct {
	*mesh
	self wire.PeerID
}

func (p place) Handle(protocol string, _ p2p.Limits, serve p2p.Handler) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.served[p.self] == nil {
		p.served[p.self] = make(map[string]p2p.Handler)
	}
	p.served[p.self][protocol] = serve
}

func (p place) Open(ctx context.Context, to wire.PeerID, protocol string) (*p2p.Stream, error) {
	p.mu.Lock()
	p.opened[to]++
	serve := p.served[to][protocol]
	p.mu.Unlock()
	if p.gate != nil {
		select {
		case <-p.gate:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if serve == nil {
		return nil, errDown
	}
	near, far := p2p.Pipe(p.self, to)
	go func() {
		defer far.Close()
		serve(context.Background(), p.self, far)
	}()
	return near, nil
}

var silent = slog.New(slog.DiscardHandler)
