package replica

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

// world is a network of peers whose streams run through memory.
type world struct {
	mu    sync.Mutex
	peers map[wire.PeerID]*member
	order []*member
	work  sync.WaitGroup
}

// member is one peer: Replicas, and what they need of the rest of the daemon.
type member struct {
	*Replicas
	world  *world
	id     wire.PeerID
	cancel context.CancelFunc
	ended  chan struct{}

	mu       sync.Mutex
	handlers map[string]p2p.Handler
	held     map[string][]byte
}

func peerID(n int) wire.PeerID {
	return wire.PeerID(wire.NewKey([32]byte{byte(n), byte(n >> 8), 9}).Public())
}

func newWorld() *world { return &world{peers: map[wire.PeerID]*member{}} }

// add makes a peer that does not run yet.
func (w *world) add(change func(*Config)) *member {
	w.mu.Lock()
	defer w.mu.Unlock()
	m := &member{world: w, id: peerID(len(w.order)), handlers: map[string]p2p.Handler{}, held: map[string][]byte{}, ended: make(chan struct{})}
	c := Config{Self: m.id, Network: m, Contacts: m, Records: m}
	if change != nil {
		change(&c)
	}
	m.Replicas = New(c)
	w.peers[m.id] = m
	w.order = append(w.order, m)
	return m
}

func (m *member) start() {
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	go func() {
		m.Run(ctx)
		close(m.ended)
	}()
}

// stop ends a peer; others notice that its streams do.
func (m *member) stop() {
	m.world.mu.Lock()
	delete(m.world.peers, m.id)
	m.world.mu.Unlock()
	m.cancel()
	<-m.ended
}

// stop ends all peers.
func (w *world) stop() {
	for _, m := range w.order {
		if w.peers[m.id] != nil && m.cancel != nil {
			m.stop()
		}
	}
	w.work.Wait()
}

func (m *member) Handle(protocol string, _ p2p.Limits, serve p2p.Handler) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.handlers[protocol] = serve
}

func (m *member) Open(_ context.Context, to wire.PeerID, protocol string) (*p2p.Stream, error) {
	return m.world.open(m.id, to, protocol)
}

func (w *world) open(from, to wire.PeerID, protocol string) (*p2p.Stream, error) {
	w.mu.Lock()
	other := w.peers[to]
	w.mu.Unlock()
	if other == nil {
		return nil, errors.New("unreachable")
	}
	other.mu.Lock()
	serve := other.handlers[protocol]
	other.mu.Unlock()
	if serve == nil {
		return nil, errors.New("no such protocol")
	}
	here, there := p2p.Pipe(from, to)
	w.work.Go(func() {
		defer there.Close()
		serve(context.Background(), from, there)
	})
	return here, nil
}

func (m *member) Peers() []wire.PeerID {
	m.world.mu.Lock()
	defer m.world.mu.Unlock()
	var peers []wire.PeerID
	for _, other := range m.world.order {
		if m.world.peers[other.id] != nil && other != m {
			peers = append(peers, other.id)
		}
	}
	return peers
}

func (m *member) Addresses(wire.PeerID) []string { return []string{"somewhere"} }

func (m *member) Learn(_ wire.PeerID, addresses []string) bool {
	return slices.Equal(addresses, []string{"somewhere"})
}

// A record says which key it is for, which version it is, and when it runs out.
func record(key string, version int) []byte { return recordUntil(key, version, time.Time{}) }

func recordUntil(key string, version int, expires time.Time) []byte {
	until := int64(0)
	if !expires.IsZero() {
		until = expires.UnixMilli()
	}
	return fmt.Appendf(nil, "%s|%d|%d|signed", key, version, until)
}

func (m *member) Check(key string, value []byte) (expires time.Time, err error) {
	parts := strings.Split(string(value), "|")
	if len(parts) != 4 || parts[0] != key || parts[3] != "signed" {
		return expires, errors.New("forged")
	}
	if until, _ := strconv.ParseInt(parts[2], 10, 64); until != 0 {
		if expires = time.UnixMilli(until); !time.Now().Before(expires) {
			return expires, errors.New("expired")
		}
	}
	return expires, nil
}

func versionOf(value []byte) int {
	parts := strings.Split(string(value), "|")
	if len(parts) != 4 {
		return -1
	}
	n, _ := strconv.Atoi(parts[1])
	return n
}

func (m *member) Newer(_ string, a, b []byte) bool { return versionOf(a) > versionOf(b) }

func (m *member) Held(_ context.Context, key string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, found := m.held[key]
	return value, found
}

func (m *member) Keys(_ context.Context, fn func(key string)) error {
	m.mu.Lock()
	keys := make([]string, 0, len(m.held))
	for key := range m.held {
		keys = append(keys, key)
	}
	m.mu.Unlock()
	for _, key := range keys {
		fn(key)
	}
	return nil
}

// put gives a record to the peers nearest to its key, as its owner does.
func (w *world) put(key string, version int) {
	at := pointOfKey(key)
	peers := slices.Clone(w.order)
	slices.SortFunc(peers, func(a, b *member) int {
		if at.Nearer(pointOfPeer(a.id), pointOfPeer(b.id)) {
			return -1
		}
		return 1
	})
	for _, m := range peers[:min(3, len(peers))] {
		m.mu.Lock()
		m.held[key] = record(key, version)
		m.mu.Unlock()
		m.Changed(key, record(key, version))
	}
}

// copiesOf returns how many peers give out a copy of a record, and how many of
// those an old one.
func (w *world) copiesOf(key string, version int) (fresh, old int) {
	for _, m := range w.order {
		value, found := m.Own(key)
		switch {
		case found && versionOf(value) == version:
			fresh++
		case found:
			old++
		}
	}
	return fresh, old
}
