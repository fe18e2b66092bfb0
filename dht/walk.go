package dht

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	kb "github.com/libp2p/go-libp2p-kbucket"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/atollnet/atoll/internal/p2p"
)

const (
	// closestPeers is Kademlia's k: how many peers nearest to a key a record
	// is put to and looked for at.
	closestPeers = 20
	// askedAtOnce is Kademlia's alpha, for peers that are not slow.
	askedAtOnce = 6
	// slowAfter is when a peer no longer counts as one of those asked at the
	// same time. lateAfter is when a walk may end without its answer; a peer
	// that must be connected to first has twice as long.
	slowAfter = 300 * time.Millisecond
	lateAfter = time.Second
	// suspectFor is how long a peer that was late is not asked again. Until
	// then one that is stopped, but not dead, would hold up every walk.
	suspectFor = 10 * time.Second
	// walkPeersMax bounds how many peers one walk asks, and walkHeardMax how
	// many it hears of, whatever hostile peers invent.
	walkPeersMax = 128
	walkHeardMax = 512
	// closerPeersMax is how many peers one answer may name.
	closerPeersMax = 2 * closestPeers
	// heardTTL is how long the address of a peer stays known that an answer
	// has named.
	heardTTL = 10 * time.Minute
)

// errNoPeers is returned for a walk without a peer to start from.
var errNoPeers = errors.New("no other peer is known")

// reach says how far a walk goes: until the nearest sure peers have answered. It
// returns the nearest width; if that is more, the others are only heard of.
type reach struct{ sure, width int }

var (
	// everyone is for records of which each copy counts.
	everyone = reach{closestPeers, closestPeers}
	// someone is for records of which many are put: three answers make it all
	// but certain that the rest are the nearest, at a third of the cost.
	someone = reach{3, providerReplicas + 4}
)

// asker asks one peer and returns the peers that it says are closer.
type asker func(ctx context.Context, p peer.ID) ([]*peer.AddrInfo, error)

type stage uint8

const (
	heard stage = iota
	asking
	answered
	failed
)

// candidate is a peer that a walk has heard of.
type candidate struct {
	peer     peer.ID
	distance kb.ID
	stage    stage
	slowAt   time.Time // set when it is asked
	lateAt   time.Time
}

// busy reports whether c is being asked and is neither slow nor late.
func (c *candidate) busy(now time.Time) bool { return c.stage == asking && now.Before(c.slowAt) }

// out reports whether c has failed or is so late that it counts as failed.
func (c *candidate) out(now time.Time) bool {
	return c.stage == failed || c.stage == asking && !now.Before(c.lateAt)
}

// walk is one lookup: it asks the nearest peers that it has heard of for nearer
// ones, until the nearest of all have answered.
type walk struct {
	dht    *DHT
	target kb.ID
	reach  reach
	ask    asker
	enough func() bool // whether the answers suffice; may be nil

	candidates []*candidate // nearest first
	byPeer     map[peer.ID]*candidate
	asked      int
	answers    chan answer // room for all who are asked
}

type answer struct {
	from   *candidate
	closer []*peer.AddrInfo
	err    error
}

// walk looks for the peers nearest to key. It returns them, nearest first, as
// soon as enough says so or no nearer one is to be expected.
func (d *DHT) walk(ctx context.Context, key string, r reach, ask asker, enough func() bool) ([]peer.ID, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w := &walk{
		dht: d, target: kb.ConvertKey(key), reach: r, ask: ask, enough: enough,
		byPeer:  map[peer.ID]*candidate{},
		answers: make(chan answer, walkPeersMax),
	}
	for _, p := range d.kad.RoutingTable().NearestPeers(w.target, closestPeers) {
		w.hear(p)
	}
	if len(w.candidates) == 0 {
		return nil, errNoPeers
	}
	err := w.run(ctx)
	w.suspect(time.Now())
	return w.nearest(), err
}

// suspect spares the walks of the next seconds the peers that were late.
func (w *walk) suspect(now time.Time) {
	for _, c := range w.candidates {
		if c.stage == asking && c.out(now) {
			w.dht.suspects.add(c.peer, now.Add(suspectFor))
		}
	}
}

func (w *walk) run(ctx context.Context) error {
	tick := time.NewTicker(slowAfter / 3)
	defer tick.Stop()
	for {
		now := time.Now()
		if w.enough != nil && w.enough() || w.settled(now) {
			return nil
		}
		w.askMore(ctx, now)
		select {
		case a := <-w.answers:
			w.take(a)
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// settled reports whether the nearest peers that have not failed have all
// answered or are late, so that nothing nearer will turn up.
func (w *walk) settled(now time.Time) bool {
	left := w.reach.sure
	for _, c := range w.candidates {
		if c.out(now) {
			continue
		}
		if c.stage != answered && !w.spent(c) {
			return false
		}
		if left--; left == 0 {
			break
		}
	}
	return true
}

// spent reports whether the walk may not ask c any more.
func (w *walk) spent(c *candidate) bool { return c.stage == heard && w.asked >= walkPeersMax }

// askMore asks the nearest peers not yet asked.
func (w *walk) askMore(ctx context.Context, now time.Time) {
	free := askedAtOnce
	for _, c := range w.candidates {
		if c.busy(now) {
			free--
		}
	}
	left := w.reach.sure
	for _, c := range w.candidates {
		if free <= 0 || left == 0 || w.asked >= walkPeersMax {
			return
		}
		if c.stage == heard {
			w.askOne(ctx, c, now)
			free--
		}
		if !c.out(now) {
			left--
		}
	}
}

func (w *walk) askOne(ctx context.Context, c *candidate, now time.Time) {
	if !w.dht.tasks.Begin() {
		c.stage = failed
		return
	}
	patience := w.dht.patience
	if !w.dht.connected(c.peer) {
		patience *= 2
	}
	c.stage, c.slowAt, c.lateAt = asking, now.Add(slowAfter), now.Add(patience)
	w.asked++
	go func() {
		defer w.dht.tasks.Done()
		closer, err := w.ask(ctx, c.peer)
		w.answers <- answer{c, closer, err}
	}()
}

// take notes an answer. A peer that failed leaves the routing table; one that
// answered may enter it.
func (w *walk) take(a answer) {
	table := w.dht.kad.RoutingTable()
	if a.err != nil {
		a.from.stage = failed
		table.RemovePeer(a.from.peer)
		return
	}
	a.from.stage = answered
	table.TryAddPeer(a.from.peer, true, false)
	for _, info := range a.closer[:min(len(a.closer), closerPeersMax)] {
		if w.dht.note(info) {
			w.hear(info.ID)
		}
	}
}

// hear adds a peer, at its place by distance.
func (w *walk) hear(p peer.ID) {
	if p == w.dht.id || w.byPeer[p] != nil || len(w.candidates) >= walkHeardMax || w.dht.suspects.has(p, time.Now()) {
		return
	}
	c := &candidate{peer: p, distance: kb.Xor(kb.ConvertPeerID(p), w.target)}
	at, _ := slices.BinarySearchFunc(w.candidates, c, func(a, b *candidate) int {
		return bytes.Compare(a.distance, b.distance)
	})
	w.candidates = slices.Insert(w.candidates, at, c)
	w.byPeer[p] = c
}

// nearest returns what the walk has found: peers that have answered and, where
// the reach says so, peers that it only heard of.
func (w *walk) nearest() []peer.ID {
	var peers []peer.ID
	for _, c := range w.candidates {
		found := c.stage == answered || c.stage == heard && w.reach.sure < w.reach.width
		if found && len(peers) < w.reach.width {
			peers = append(peers, c.peer)
		}
	}
	return peers
}

// note keeps the addresses of a peer that an answer has named, and reports
// whether it is worth asking.
func (d *DHT) note(info *peer.AddrInfo) bool {
	if _, err := p2p.FromLibp2p(info.ID); err != nil {
		return false
	}
	addrs := info.Addrs
	if !d.config.LoopbackOK { // nobody may make this peer dial services of its own machine
		addrs = ma.FilterAddrs(addrs, func(a ma.Multiaddr) bool { return !manet.IsIPLoopback(a) })
	}
	peers := d.host.Libp2p().Peerstore()
	if len(addrs) > 0 && !d.connected(info.ID) {
		peers.AddAddrs(info.ID, addrs, heardTTL)
	}
	return d.connected(info.ID) || len(peers.Addrs(info.ID)) > 0
}
