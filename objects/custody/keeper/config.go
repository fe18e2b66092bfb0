package keeper

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
	"github.com/atollnet/atoll/objects/plan"
	"github.com/atollnet/atoll/objects/transfer"
)

// ErrNotKept: the object is not in the custody of this peer.
var ErrNotKept = errors.New("not in the custody of this peer")

// Objects tells what this peer has custody of. It may be a member of the
// object's ring, or the owner's peer.
type Objects interface {
	// Objects returns all objects.
	Objects() ([]wire.ObjectID, error)
	// Changed returns, once each, objects whose state may have changed, or that
	// may have come into custody or left it. What it misses is found by looking
	// at all of Objects, at the start and slowly ever after.
	Changed() []wire.ObjectID
	// State returns an object's state at the newest head that is here; ErrNotKept
	// for one that is not in custody.
	State(ctx context.Context, object wire.ObjectID) (State, error)
}

// State is what custody needs of an object's newest version.
type State struct {
	Mark       string        // changes whenever Extents may yield something else
	Custodians []wire.PeerID // the members of its ring
	Proof      []byte        // a head record that says so to holders
	// Extents calls fn for every extent that the object refers to, those of its
	// tree's archive included.
	Extents func(ctx context.Context, fn func(Extent) error) error
	// Deleted is what shows holders that the object is deleted; nil while it
	// lives. Extents are then those that it referred to last.
	Deleted *transfer.Deletion
}

// Extent is an extent and who took its shares when it was written. K and N are
// zero where only the manifest says them.
type Extent struct {
	transfer.Source
	K, N int
}

// Peers tells who is there.
type Peers interface {
	// Candidates returns the live peers that may be asked to store something,
	// this one included.
	Candidates() []plan.Candidate
	// Answers reports whether a peer is known to live.
	Answers(wire.PeerID) bool
}

// Fetcher reads from holders; *transfer.Fetcher is one.
type Fetcher interface {
	Manifest(ctx context.Context, s transfer.Source) (*extent.Manifest, error)
	Holders(ctx context.Context, s transfer.Source) []transfer.Holding
	Rebuild(ctx context.Context, s transfer.Source, wanted []int) (map[int][]byte, error)
	Share(ctx context.Context, m *extent.Manifest, h transfer.Holding) ([]byte, error)
	Audit(ctx context.Context, m *extent.Manifest, h transfer.Holding, max int, nonce [32]byte) error
}

// Orders gives orders to holders; transfer.Custodian does.
type Orders interface {
	Renew(ctx context.Context, object wire.ObjectID, holder wire.PeerID, m *extent.Manifest, share int, leaseSeconds uint64, proof []byte) (extent.SignedReceipt, error)
	Bring(ctx context.Context, object wire.ObjectID, holder wire.PeerID, m *extent.Manifest, share int, data []byte, leaseSeconds uint64, proof []byte) (extent.SignedReceipt, error)
	// TellDeleted shows a holder that an object is deleted.
	TellDeleted(ctx context.Context, holder wire.PeerID, d transfer.Deletion) (bytes uint64, err error)
}

// Config is what a Keeper is made of. Fields that are zero take their defaults
// where one is named; all others are required.
type Config struct {
	Self    wire.PeerID
	Objects Objects
	Peers   Peers
	Fetcher Fetcher
	Orders  Orders
	Store   kv.Store
	// Threshold says at how many shares a (k, n) extent is repaired. Of the
	// Keeper it may ask nothing but what was Measured.
	Threshold func(k, n int) int
	// Busy reports whether users of this peer move data just now.
	Busy   func() bool
	Random io.Reader // crypto/rand, but in tests; used from several goroutines

	DeadAfter  time.Duration // silence after which a holder is lost; default 12 h
	AuditEvery time.Duration // between two audits of an extent; default a day
	// BytesPerSecond bounds what repairs and moves read and write; default 32
	// MiB/s.
	BytesPerSecond  int
	AuditsPerSecond float64 // of single shares; default 12, a million a day
	RepairsMax      int     // at once; default 2
	LeaseSeconds    uint64  // asked of holders; default 90 days of their uptime
	Log             *slog.Logger
}

// Defaults of Config.
const (
	DeadAfterDefault       = 12 * time.Hour
	AuditEveryDefault      = 24 * time.Hour
	BytesPerSecondDefault  = 32 << 20
	LeaseSecondsDefault    = 90 * 24 * 3600
	auditsPerSecondDefault = 12
	repairsMaxDefault      = 2
)

// Bounds on what one Keeper does and holds.
const (
	// repairBytesMax is how many bytes of rebuilt shares repairs hold at once.
	repairBytesMax = 96 << 20
	// copiesMax is how many places are remembered for each share of an extent:
	// those that are lost may return.
	copiesMax = 3
	// tickMax and tickMin bound the time between two looks at the peers.
	tickMax = time.Minute
	tickMin = time.Second
	// yieldMax is how long a repair gives way to users' traffic, and
	// urgentMargin at how few spare shares it does not.
	yieldMax     = 5 * time.Second
	urgentMargin = 2
	// moveEvery is the least time between two moves of one extent's shares.
	moveEvery = 10 * time.Minute
	// roundTime is in what time all objects are looked at that say of no change:
	// so many that do nothing cost next to nothing.
	roundTime = time.Hour
	// fullFor is how long a peer that said it is full is not asked again, and
	// fullMax how many such peers are remembered.
	fullFor = time.Hour
	fullMax = 4096 // peers
	// placeFailuresMax and placeRefusalsMax are how many peers may fail, and
	// how many may say that they are full or do not want it, before a share
	// stays where it is.
	placeFailuresMax = 4
	placeRefusalsMax = 64
	// retryEvery is how long an extent whose repair failed waits.
	retryEvery = time.Minute
)

func (c *Config) defaults() {
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	set(&c.DeadAfter, DeadAfterDefault)
	set(&c.AuditEvery, AuditEveryDefault)
	if c.BytesPerSecond == 0 {
		c.BytesPerSecond = BytesPerSecondDefault
	}
	if c.AuditsPerSecond == 0 {
		c.AuditsPerSecond = auditsPerSecondDefault
	}
	if c.RepairsMax == 0 {
		c.RepairsMax = repairsMaxDefault
	}
	if c.LeaseSeconds == 0 {
		c.LeaseSeconds = LeaseSecondsDefault
	}
	if c.Busy == nil {
		c.Busy = func() bool { return false }
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
}

// tick is the time between two looks at the peers.
func (c *Config) tick() time.Duration { return min(max(c.DeadAfter/10, tickMin), tickMax) }

// retryAfter is how many seconds an extent waits on which something failed.
func (c *Config) retryAfter() float64 { return min(retryEvery, c.DeadAfter/2).Seconds() }

// turn is how long a custodian waits for each that comes before it.
func (c *Config) turn() time.Duration { return max(c.DeadAfter/4, tickMin) }
