package keeper

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/custody"
)

// Keeper keeps this peer's objects alive. It is safe for concurrent use.
type Keeper struct {
	Config
	bytes  *rate.Limiter // of repairs and moves
	audits *rate.Limiter // of single shares
	wake   chan struct{} // holds one element when repairs may be due
	full   full

	// Of the round through all objects; Run's own.
	rest []wire.ObjectID // that it has not come to yet
	due  int             // of them at each tick

	failed []wire.ObjectID // could not be looked at; Run's own

	noting sync.Mutex // held while it is written down who was told of a deletion; before mu

	mu        sync.Mutex                // guards what follows
	objects   map[wire.ObjectID]*object // those that refer to extents
	extents   map[name]*entry
	order     []*entry // all of extents, for those who go round
	peers     map[wire.PeerID]*peer
	burials   map[wire.ObjectID]*burial
	queue     custody.Queue[name]
	admission custody.Admission
	awake     float64 // seconds that Run has seen pass
	noted     float64 // seconds of measured on disk

	// measured is read by Threshold's own side while mu is held.
	measured atomic.Pointer[custody.Measured]
}

// object is one that this peer has custody of.
type object struct {
	mark       string
	custodians []wire.PeerID
	proof      []byte
}

// peer is a holder.
type peer struct {
	id      wire.PeerID
	silence custody.Silence
	conduct custody.Conduct
	answers bool
	word    word

	saved       float64 // seconds of silence on disk
	savedProved uint64  // audits passed, on disk
}

// isLost reports whether its shares count as lost for good.
func (p *peer) isLost(deadAfter time.Duration) bool { return p.silence.IsLost(deadAfter.Seconds()) }

// entry is an extent in custody.
type entry struct {
	name
	of      *object
	k, n    int // 0 until a manifest was seen
	copies  []*held
	audited int64 // Unix seconds; 0: never
	failed  bool  // its author encoded it badly: what is lost stays lost

	again  bool    // to be audited again soon: something in it is in doubt
	busy   bool    // being audited, repaired or moved
	gone   bool    // the object does not refer to it any more
	since  float64 // awake seconds when its repair became due; 0: it is not
	retry  float64 // awake seconds before which no repair is tried again
	moveAt float64 // awake seconds before which nothing of it moves
	// departAt is the same for shares whose holder leaves: they wait only after
	// a failure.
	departAt float64
}

// held is a share at a holder.
type held struct {
	peer    *peer
	share   int
	renewed int64
	doubt   bool // not proved since its peer came back
}

// New returns a Keeper. Run makes it work.
func New(c Config) *Keeper {
	c.defaults()
	k := &Keeper{
		Config:    c,
		bytes:     rate.NewLimiter(rate.Limit(c.BytesPerSecond), max(c.BytesPerSecond, 1)),
		audits:    rate.NewLimiter(rate.Limit(c.AuditsPerSecond), 64),
		wake:      make(chan struct{}, 1),
		full:      full{lasts: min(fullFor, c.DeadAfter), until: make(map[wire.PeerID]time.Time)},
		objects:   make(map[wire.ObjectID]*object),
		extents:   make(map[name]*entry),
		peers:     make(map[wire.PeerID]*peer),
		burials:   make(map[wire.ObjectID]*burial),
		admission: custody.Admission{JobsMax: c.RepairsMax, BytesMax: repairBytesMax},
	}
	k.measured.Store(new(custody.Measured))
	return k
}

// Run keeps what is in custody until the context ends.
func (k *Keeper) Run(ctx context.Context) error {
	var work sync.WaitGroup
	defer work.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	k.recall()
	k.refreshAll(ctx)
	work.Go(func() { k.auditor(ctx) })
	work.Go(func() { k.renewer(ctx) })
	work.Go(func() { k.teller(ctx) })
	for range k.RepairsMax {
		work.Go(func() { k.repairer(ctx) })
	}
	tick := time.NewTicker(k.tick())
	defer tick.Stop()
	for last := time.Now(); ; {
		k.refresh(ctx, k.tick())
		now := time.Now()
		k.look(now.Sub(last).Seconds())
		last = now
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// stir lets a repairer look at the queue.
func (k *Keeper) stir() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// nonce is what chooses the range of an audit.
func (k *Keeper) nonce() (n [32]byte) {
	if _, err := io.ReadFull(k.Random, n[:]); err != nil {
		panic(err) // the system's generator does not fail
	}
	return n
}

// pause waits, or reports false when the context ends.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
