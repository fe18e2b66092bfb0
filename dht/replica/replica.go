package replica

import (
	"context"
	"crypto/sha256"
	"log/slog"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/atollnet/atoll/dht/beehive"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

// HopsWanted is the mean of hops that peers aim at: half a hop costs some 5 % of
// all records on each peer of ten thousand.
const HopsWanted = .5

// Records is what this peer holds for the network, and the rule for it. Its
// methods must be safe for concurrent use.
type Records interface {
	// Check reports why value is no record of the key, valid now, and until when
	// it is; zero stands for ever.
	Check(key string, value []byte) (expires time.Time, err error)
	// Newer reports whether a is newer than b; both have passed Check.
	Newer(key string, a, b []byte) bool
	// Held returns the valid record that this peer holds because it lies near to
	// the key.
	Held(ctx context.Context, key string) (value []byte, found bool)
	// Keys calls fn with the keys of all records that this peer holds.
	Keys(ctx context.Context, fn func(key string)) error
}

// Network opens streams to peers and serves those that they open. A p2p.Host is
// one.
type Network interface {
	Open(ctx context.Context, to wire.PeerID, protocol string) (*p2p.Stream, error)
	Handle(protocol string, l p2p.Limits, serve p2p.Handler)
}

// Contacts are the peers that this one knows.
type Contacts interface {
	// Peers returns peers that take part in the DHT, from all over it.
	Peers() []wire.PeerID
	// Addresses returns how a peer can be reached.
	Addresses(p wire.PeerID) []string
	// Learn takes note of what another peer says of how to reach one, and
	// reports whether it is worth trying.
	Learn(p wire.PeerID, addresses []string) bool
}

// Config says how a peer takes part. All fields but Taken, Log and Tick are needed.
type Config struct {
	Self     wire.PeerID
	Network  Network
	Contacts Contacts
	Records  Records
	// Taken is told of each copy that is new here, or newer; it must return at
	// once and call nothing of Replicas. Nil: nobody is.
	Taken func(key string)
	Log   *slog.Logger // nil: silent

	// Tick is how often counts are passed on and records placed; zero: every
	// beehive.TickSeconds.
	Tick time.Duration

	// Tests set these in place of what limits.go says.
	copiesMax, copyBytes   int
	sendBudget, takeBudget p2p.Rate
	linkBudget             p2p.Rate
}

// Replicas is this peer's part of proactive caching. Its methods are safe for
// concurrent use.
type Replicas struct {
	config Config
	log    *slog.Logger
	send   *budget // copies that others lack
	push   *budget // changes of those that they have
	take   *budget
	work   sync.WaitGroup
	relay  chan struct{} // counts of others wait to be passed on; capacity 1
	rouse  chan struct{} // the table has changed; capacity 1
	judge  beehive.Judge // of the one goroutine that ticks

	homesMu sync.Mutex // guards homes; taken before mu
	homes   *beehive.Homes[string]

	mu        sync.Mutex // guards what follows, and all entries, links and lines
	table     *beehive.Table[wire.PeerID]
	contacts  map[wire.PeerID]beehive.Contact[wire.PeerID] // of the table
	counter   *beehive.Counter[string]
	tally     beehive.Tally
	copies    *copies
	links     map[wire.PeerID]*link
	lines     map[wire.PeerID]*line
	slots     [LinesMax]*line
	restless  *lru.Cache[string, time.Time] // what is not copied until then
	reporters map[wire.PeerID]*reporter     // of this tick
	bad       uint64                        // messages that were refused
}

// New returns Replicas that do nothing until Run is called.
func New(c Config) *Replicas {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Tick == 0 {
		c.Tick = beehive.TickSeconds * time.Second
	}
	if c.copiesMax == 0 {
		c.copiesMax, c.copyBytes = CopiesMax, CopyBytesMax
	}
	if c.sendBudget == (p2p.Rate{}) {
		c.sendBudget, c.takeBudget, c.linkBudget = sendBudget, takeBudget, linkBudget
	}
	self := beehive.Contact[wire.PeerID]{Peer: c.Self, At: pointOfPeer(c.Self)}
	restless, err := lru.New[string, time.Time](restlessMax)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return &Replicas{
		config: c, log: c.Log, send: newBudget(c.sendBudget), push: newBudget(changeBudget), take: newBudget(c.takeBudget),
		relay: make(chan struct{}, 1), rouse: make(chan struct{}, 1), homes: beehive.NewHomes[string](beehive.HomesMax),
		table: beehive.NewTable(self), contacts: map[wire.PeerID]beehive.Contact[wire.PeerID]{},
		counter: beehive.NewCounter[string](beehive.CountedMax),
		copies:  newCopies(c.copiesMax, c.copyBytes),
		links:   map[wire.PeerID]*link{}, lines: map[wire.PeerID]*line{},
		restless: restless, reporters: map[wire.PeerID]*reporter{},
	}
}

// Points are Kademlia's: SHA-256 of what names a peer or a record.
func pointOfPeer(p wire.PeerID) beehive.Point { return sha256.Sum256([]byte(p.Multihash())) }
func pointOfKey(key string) beehive.Point     { return sha256.Sum256([]byte(key)) }

// Run serves other peers and brings them copies until the context ends, and then
// waits for all that it began.
func (r *Replicas) Run(ctx context.Context) {
	handle := func(protocol string, l p2p.Limits, serve p2p.Handler) {
		r.config.Network.Handle(protocol, l, func(host context.Context, from wire.PeerID, s *p2p.Stream) {
			if ctx.Err() != nil {
				s.Reset()
				return
			}
			defer context.AfterFunc(ctx, func() { s.Reset() })()
			serve(host, from, s)
		})
	}
	handle(LineProtocol, lineLimits, r.serveLine)
	handle(FindProtocol, findLimits, r.serveFind)
	handle(ReportProtocol, reportLimits, r.serveReport)
	handle(SumProtocol, sumLimits, r.serveSum)
	handle(StandingProtocol, standingLimits, r.serveStanding)
	r.work.Go(func() { r.keep(ctx) })
	r.ticks(ctx)
	r.work.Wait()
}

// keep brings the table, and the lines with it, in line with the peers there are,
// and ends what has expired or gone silent.
func (r *Replicas) keep(ctx context.Context) {
	every := time.NewTicker(time.Second)
	defer every.Stop()
	for n := 0; ; n++ {
		if n%int(meetEvery/time.Second) == 0 || n < 5 {
			r.meet(r.config.Contacts.Peers())
		}
		r.mu.Lock()
		r.expire(time.Now())
		r.openLines(ctx)
		r.mu.Unlock()
		select {
		case <-every.C:
		case <-r.rouse:
		case <-ctx.Done():
			return
		}
	}
}

// meet adds the peers that are known to the table, and removes those that no
// longer are.
func (r *Replicas) meet(peers []wire.PeerID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := make(map[wire.PeerID]bool, len(peers))
	for _, p := range peers {
		known[p] = true
	}
	for p, c := range r.contacts {
		if !known[p] {
			r.table.Remove(c)
			delete(r.contacts, p)
		}
	}
	for _, p := range peers {
		if _, has := r.contacts[p]; has {
			continue
		}
		if c := (beehive.Contact[wire.PeerID]{Peer: p, At: pointOfPeer(p)}); r.table.Add(c) {
			r.contacts[p] = c
		}
	}
	r.tally.SetDepth(r.table.Depth())
}

// expire drops what may not be given out any more: all that came by a link that
// has gone silent, and records that have run out.
func (r *Replicas) expire(now time.Time) {
	for _, l := range r.links {
		if !l.fresh(now) {
			r.dropLink(l)
			continue
		}
		r.collect(l, now)
	}
	for _, e := range r.copies.byKey {
		if !e.expires.IsZero() && now.After(e.expires) {
			r.drop(e)
		}
	}
}

// drop withdraws a record from here and all to whom it went.
func (r *Replicas) drop(e *entry) {
	r.update(e, func() {
		for _, l := range e.sources {
			l.count--
		}
		e.sources, e.own = nil, beehive.AtHome
	})
}

// update changes an entry and has each line bring what follows from it. The
// caller holds mu.
func (r *Replicas) update(e *entry, do func()) {
	before := e.version
	r.copies.change(e, do)
	changed := e.version != before
	for _, l := range r.lines {
		if l.wants(e) && (changed || !e.sent.has(l.slot)) || !l.wants(e) && e.sent.has(l.slot) {
			l.add(e)
		}
	}
}

// Changed says that this peer now holds a record, or a newer one: all copies of
// it are told.
func (r *Replicas) Changed(key string, value []byte) {
	r.mu.Lock()
	e := r.copies.byKey[key]
	r.mu.Unlock()
	if e == nil {
		return
	}
	expires, err := r.config.Records.Check(key, value)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.renew(e, value, expires)
}

// renew gives an entry a newer value. The caller holds mu.
func (r *Replicas) renew(e *entry, value []byte, expires time.Time) {
	if e.idle() || !r.config.Records.Newer(e.key, value, e.value) {
		return
	}
	now := time.Now()
	switch {
	case !e.changes.take(now):
		r.bar(e, now)
	case !r.copies.room(e.key, value):
		r.drop(e)
	default:
		r.update(e, func() { e.set(value, expires) })
		r.tell(e)
	}
}

// tell says that a copy is new, or newer.
func (r *Replicas) tell(e *entry) {
	if r.config.Taken != nil {
		r.config.Taken(e.key)
	}
}

// Status says what this peer holds and does.
type Status struct {
	Copies int // records that others have brought
	Placed int // records that this peer has others hold
	Bytes  int // of the values of both
	Links  int // peers that bring copies
	Lines  int // peers that copies are brought to
	Bad    uint64
}

// Status returns how things are.
func (r *Replicas) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Status{Bytes: r.copies.bytes, Links: len(r.links), Lines: len(r.lines), Bad: r.bad}
	for _, e := range r.copies.byKey {
		if len(e.sources) > 0 {
			s.Copies++
		}
		if e.own != beehive.AtHome {
			s.Placed++
		}
	}
	return s
}
