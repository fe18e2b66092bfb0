package objects

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/archive"
	"github.com/atollnet/atoll/objects/plan"
	"github.com/atollnet/atoll/objects/transfer"
	"github.com/atollnet/atoll/objects/update"
)

// Head is the newest certified state of an object that could be had. Its
// certificate has been checked.
type Head struct {
	Version wire.Version
	Root    wire.NodeHash
	Time    time.Time
	Hint    archive.Hint // zero if the state is in the local store
}

// Ordered is what became of an update.
type Ordered struct {
	Version wire.Version
	Outcome update.Outcome
}

// Ring orders updates and knows heads.
type Ring interface {
	// Submit returns when the update is part of a certified version. The error
	// is of kind NoQuorum when that did not happen in time, NotFound when no
	// ring of the object can be reached from here.
	Submit(ctx context.Context, object wire.ObjectID, signed []byte) (Ordered, error)
	// Head returns the newest head; never one older than this gateway has
	// seen. The error is of kind NotFound when nobody knows the object.
	Head(ctx context.Context, object wire.ObjectID) (Head, error)
	// Archive returns when every version up to now can be read without this
	// peer: its nodes and its head record are on others. With no other peer it
	// returns at once.
	Archive(ctx context.Context, object wire.ObjectID) error
	// Near gives tree nodes from the ring's members.
	archive.Near
}

// Peers tells who could hold shares.
type Peers interface {
	// Candidates returns the live peers, this one included.
	Candidates() []plan.Candidate
}

// Config is what a Gateway is made of. Every field is required but Log.
type Config struct {
	Self    wire.PeerID // this peer, which holds shares only where others are too few
	Author  wire.Signer // signs updates and put requests
	Ring    Ring
	Peers   Peers
	Network transfer.Network
	Fetcher *transfer.Fetcher
	Nodes   archive.Nodes
	Random  io.Reader // crypto/rand, but in tests; used from several goroutines
	Now     func() time.Time
	Log     *slog.Logger

	// Goal returns what is wanted of the redundancy and known of the peers; nil
	// assumes plan.DefaultGoal.
	Goal func() plan.Goal

	// LeaseSeconds is how long holders are asked to keep shares, in seconds of
	// their own uptime; the default is 90 days.
	LeaseSeconds uint64
	// Linger is how long a put waits for the last shares of an extent once
	// enough are stored; the default is 10 s.
	Linger time.Duration
}

// Gateway reads and writes volumes for one person. It may be used from several
// goroutines.
type Gateway struct {
	Config
	planner  planner
	sessions sessions
	failures *failures
}

// New returns a Gateway.
func New(c Config) *Gateway {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Goal == nil {
		c.Goal = plan.DefaultGoal
	}
	if c.LeaseSeconds == 0 {
		c.LeaseSeconds = 90 * 24 * 3600
	}
	if c.Linger == 0 {
		c.Linger = 10 * time.Second
	}
	return &Gateway{
		Config: c, sessions: sessions{random: c.Random},
		failures: &failures{now: c.Now, until: make(map[wire.PeerID]time.Time)},
	}
}
