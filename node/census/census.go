package census

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

const (
	// fastRound is the time between exchanges while there is something to
	// learn or to tell, slowRound when there is not, aloneRound between two
	// attempts to find anybody; all vary by a quarter.
	fastRound  = 500 * time.Millisecond
	slowRound  = time.Minute
	aloneRound = 5 * time.Second
	// calmAfter is how many exchanges in a row must have found two equal
	// tables before the rounds become slow.
	calmAfter = 4
	// recordsPerSecond and recordsBurst bound what fast rounds cost in a large
	// network, where somebody always arrives: records sent and received, some
	// 300 bytes each. Who has used up more makes slow rounds.
	recordsPerSecond = 4
	recordsBurst     = 8192

	// probePerSecond and probeBurst bound the calls to peers whose connection
	// has ended: it may have been closed because there were too many.
	probePerSecond = 0.2
	probeBurst     = 64

	// contactsMax bounds the peers that wait to be called, workers how many
	// are called at the same time.
	contactsMax = 256
	workers     = 8

	// renewEvery is how often a peer signs a new record when nothing changes,
	// renewPause the least time between two; only a change of address is told
	// at once.
	renewEvery = 30 * time.Minute
	renewPause = 30 * time.Second
	// renewShare is the part of the quota by which the free space must have
	// changed to be worth telling.
	renewShare = 20
)

// Info is what is known of a peer.
type Info struct {
	Peer       wire.PeerID
	Addresses  []ma.Multiaddr // without the peer ID
	FreeBytes  uint64         // what it says it has room for
	QuotaBytes uint64
	Group      string // failure domain, or address group
	Software   string
	Seq        uint64        // of its record
	RTT        time.Duration // measured; 0 if never
	Suspect    bool          // it could not be reached lately
	Heard      time.Time     // when its present record came
	Connected  bool
}

// Space is what this peer says of its own store.
type Space struct{ FreeBytes, QuotaBytes uint64 }

// Config says who this peer is and whom it may ask. Host and Key are needed.
type Config struct {
	Host     *p2p.Host
	Key      wire.Signer
	Space    func() Space // may be nil
	Domain   string       // failure domain, at most 64 bytes; "": the address group
	Software string       // name and release, at most 64 bytes

	Join   []string             // invitations or multiaddresses of peers to begin with
	Others func() []wire.PeerID // further peers, such as those of the DHT; may be nil
	News   func(Info)           // called for each peer that arrives, lives again or moves; may be nil

	LoopbackOK bool             // believe peers that say they are on this machine
	Now        func() time.Time // nil: time.Now
	Log        *slog.Logger     // nil: silent
}

// Census is the table of peers and what keeps it. All of its methods are safe
// for concurrent use.
type Census struct {
	config   Config
	log      *slog.Logger
	host     *p2p.Host
	now      func() time.Time
	contacts chan wire.PeerID
	wake     chan struct{} // something may be due earlier than was thought
	probes   *p2p.Buckets[struct{}]

	mu      sync.Mutex // guards what is below
	table   *table
	self    signed
	renewAt time.Time // when self is signed again even if nothing changes
	pauseTo time.Time // until when a change of space does not make it so
	calm    int       // exchanges in a row that found two equal tables
	doubts  uint64    // buckets in which the last exchange found a difference

	budget   float64   // records that may still be exchanged in fast rounds
	budgetAt time.Time // when budget was right

	waiting map[wire.PeerID]bool // who is in contacts or being called
}

// New returns a census that answers others at once; Run makes it ask them. It
// fails if Domain or Software break their bounds.
func New(c Config) (*Census, error) {
	for _, label := range []string{c.Domain, c.Software} {
		if len(label) > labelBytesMax || !utf8.ValidString(label) {
			return nil, fmt.Errorf("census: %q is longer than %d bytes or not UTF-8", label, labelBytesMax)
		}
	}
	s := &Census{
		config:   c,
		log:      c.Log,
		host:     c.Host,
		now:      c.Now,
		contacts: make(chan wire.PeerID, contactsMax),
		wake:     make(chan struct{}, 1),
		table:    newTable(c.Host.Self()),
		waiting:  map[wire.PeerID]bool{},
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.budget, s.budgetAt = recordsBurst, s.now()
	s.probes = p2p.NewBuckets[struct{}](p2p.Rate{PerSecond: probePerSecond, Burst: probeBurst}, s.now)
	c.Host.Handle(Protocol, limits, s.serve)
	return s, nil
}

// Run keeps the census until the context ends.
func (c *Census) Run(ctx context.Context) error {
	var work sync.WaitGroup
	defer work.Wait()
	events := &network.NotifyBundle{
		ConnectedF:    func(_ network.Network, conn network.Conn) { c.connected(conn) },
		DisconnectedF: func(_ network.Network, conn network.Conn) { c.disconnected(conn) },
	}
	c.host.Libp2p().Network().Notify(events)
	defer c.host.Libp2p().Network().StopNotify(events)
	for range workers {
		work.Go(func() { c.work(ctx) })
	}
	work.Go(func() { c.join(ctx) })
	c.rounds(ctx)
	return nil
}

// rounds begins the exchanges that are due until the context ends.
func (c *Census) rounds(ctx context.Context) {
	var next time.Time // of the next round
	for {
		retry := c.again()
		if now := c.now(); !now.Before(next) {
			c.round()
			next = now.Add(c.pause())
		}
		if retry.After(next) {
			retry = next
		}
		select {
		case <-time.After(retry.Sub(c.now())):
		case <-c.wake:
			// Arrivals that come one upon another are told in one round.
			if now := c.now(); next.Sub(now) > 2*fastRound {
				if soon := now.Add(c.pause()); soon.Before(next) {
					next = soon
				}
			}
		case <-ctx.Done():
			return
		}
	}
}

// again calls the peers that failed and are due, and returns when the next is.
func (c *Census) again() time.Time {
	c.mu.Lock()
	retry, next := c.table.age(c.now())
	c.mu.Unlock()
	for _, p := range retry {
		c.contact(p)
	}
	// Those just queued are due until they have been called.
	if soon := c.now().Add(fastRound); next.Before(soon) {
		next = soon
	}
	return next
}

// join connects to the configured peers until one of them has been met.
func (c *Census) join(ctx context.Context) {
	for pause := time.Second; len(c.config.Join) > 0; pause = min(2*pause, slowRound) {
		for _, address := range c.config.Join {
			dial, cancel := context.WithTimeout(ctx, exchangeTimeout)
			p, err := c.host.Connect(dial, address)
			cancel()
			if err != nil {
				c.log.Info("cannot join through a peer", "address", address, "error", err)
				continue
			}
			c.contact(p)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		if c.company() {
			return
		}
	}
}

// company reports whether a live peer is known.
func (c *Census) company() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.table.live()) > 0
}

// round calls one live peer, and some that are not in the table.
func (c *Census) round() {
	c.mu.Lock()
	partner, alone := c.partner()
	c.mu.Unlock()
	if !alone {
		c.contact(partner)
	}
	for _, p := range c.strangers(alone) {
		c.contact(p)
	}
}

// partner chooses a live peer: every other time one from the buckets in which
// the last exchange found a difference, for it may be about that very peer.
func (c *Census) partner() (partner wire.PeerID, alone bool) {
	live := c.table.live()
	if len(live) == 0 {
		return partner, true
	}
	if rand.N(2) == 0 {
		for _, p := range live {
			if c.doubts>>bucketOf(p)&1 == 1 {
				return p, false
			}
		}
	}
	return live[0], false
}

// strangers returns a few peers that are not in the table: of those that the
// DHT knows, and, for a peer that is alone, of those met in an earlier run.
func (c *Census) strangers(alone bool) []wire.PeerID {
	var peers []wire.PeerID
	if c.config.Others != nil {
		peers = c.config.Others()
	}
	if alone {
		peers = append(peers, c.host.Remembered()...)
	}
	c.mu.Lock()
	peers = slices.DeleteFunc(peers, func(p wire.PeerID) bool { return c.table.entries[p] != nil || p == c.host.Self() })
	c.mu.Unlock()
	rand.Shuffle(len(peers), func(i, j int) { peers[i], peers[j] = peers[j], peers[i] })
	return peers[:min(len(peers), workers)]
}

// pause returns the time until the next round.
func (c *Census) pause() time.Duration {
	c.mu.Lock()
	alone, unsettled := len(c.table.live()) == 0, c.calm < calmAfter
	c.spend(1)
	affordable := c.budget > 0
	c.mu.Unlock()
	round := slowRound
	switch {
	case alone:
		round = aloneRound
	case unsettled && affordable:
		round = fastRound
	}
	return round*3/4 + rand.N(round/2)
}

// spend takes an exchange of records from the budget. The caller holds mu.
func (c *Census) spend(records int) {
	now := c.now()
	c.budget = min(recordsBurst, c.budget+now.Sub(c.budgetAt).Seconds()*recordsPerSecond) - float64(records)
	c.budgetAt = now
}
