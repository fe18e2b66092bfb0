package runner

import (
	"bytes"
	"container/list"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// Errors of a Host.
var (
	// ErrUnknownObject: this peer is not a member of the object's ring.
	ErrUnknownObject = errors.New("not a member of the object's ring")
	// ErrMoved: another ring orders the object by now. It matches
	// ErrUnknownObject too.
	ErrMoved = fmt.Errorf("another ring orders the object: %w", ErrUnknownObject)
	// ErrBusy: as many updates of the object wait as may.
	ErrBusy = errors.New("too many updates wait")
	// ErrTooLarge: the update exceeds wire.UpdateBytesMax.
	ErrTooLarge = errors.New("update too large")
	// ErrClosed: the host has been closed.
	ErrClosed = errors.New("ring host closed")
	// ErrConfig: the configuration, or a genesis, cannot work on this host.
	ErrConfig = errors.New("bad ring configuration")
	// ErrExecutor: the executor gave a result that none can have.
	ErrExecutor = errors.New("impossible result of an execution")
)

// Limits of a Host.
const (
	// SeatsIdleMax is the most objects that are kept in memory while nothing
	// waits, so that the next update need not load them, at some kilobytes each.
	SeatsIdleMax = 1024
	// InboxBytesPerPeerMax is the most bytes of messages of one peer that wait,
	// over all objects.
	InboxBytesPerPeerMax = 8 << 20
)

// Config is what a Host is made of. Self, Store and Executor are required.
type Config struct {
	Self     wire.PeerID
	Store    kv.Store
	Executor Executor
	// Transport leads to the other members; nil will do for rings of one.
	Transport Transport
	// Admitter, if not nil, refuses updates before they are queued.
	Admitter Admitter
	// Timeout is how long waiting work may stand still before the leader of a
	// ring is suspected; the default is a second.
	Timeout time.Duration
	// RoundTrip, if not nil, is how far away a peer is; false: it is not known.
	// Leaders of rings whose members are far apart are given eight round trips
	// if they are more than Timeout. It must not block.
	RoundTrip func(wire.PeerID) (time.Duration, bool)
	// Committed, if not nil, is told of every version that has been committed
	// here; with a next ring, the version names one that orders from then on,
	// and Head has the link to it. Behind, if not nil, is told that members of a
	// later epoch have spoken: Join or Retire should follow. Both are called on
	// the object's goroutine and must not block.
	Committed func(object wire.ObjectID, c bft.Certificate, next *bft.RingCert)
	Behind    func(object wire.ObjectID, from wire.PeerID, epoch wire.Epoch)
	Clock     func() time.Time // default: time.Now
	Random    io.Reader        // of ring keys; default: crypto/rand
	Log       *slog.Logger     // default: none
}

func (c *Config) complete() error {
	if c.Self.IsZero() || c.Store == nil || c.Executor == nil {
		return fmt.Errorf("%w: no name, store or executor", ErrConfig)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Random == nil {
		c.Random = rand.Reader
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return nil
}

// Host is a member of the rings of many objects. It is safe for concurrent use.
type Host struct {
	Config
	ctx    context.Context // ends with the host
	cancel context.CancelFunc
	work   sync.WaitGroup // one for each seat at work

	mu     sync.Mutex // guards what follows
	closed bool
	seats  map[wire.ObjectID]*seat // in memory
	idle   *list.List              // of those, the seats with nothing to do; newest first
	inbox  map[wire.PeerID]int     // bytes of each peer's messages that wait

	founding sync.Mutex // held while records of an object without a seat are made
}

// New returns a host that is ready to work. Run or Close must be called.
func New(c Config) (*Host, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Host{
		Config: c, ctx: ctx, cancel: cancel,
		seats: make(map[wire.ObjectID]*seat), idle: list.New(), inbox: make(map[wire.PeerID]int),
	}, nil
}

// Run takes up what was under way when the host was last closed, serves until
// the context ends, and closes the host. The error is the store's.
func (h *Host) Run(ctx context.Context) error {
	defer h.Close()
	unfinished, err := h.unfinished()
	if err != nil {
		return err
	}
	for _, object := range unfinished {
		if s, err := h.seat(object); err == nil {
			s.put()
		}
	}
	<-ctx.Done()
	return nil
}

// Close stops all work and waits for it to end. What was acknowledged is
// stored; callers of Submit get ErrClosed. The store stays open.
func (h *Host) Close() {
	h.mu.Lock()
	h.closed = true
	seats := make([]*seat, 0, len(h.seats))
	for _, s := range h.seats {
		seats = append(seats, s)
	}
	h.mu.Unlock()
	h.cancel()
	for _, s := range seats {
		s.fail(ErrClosed)
	}
	h.work.Wait()
}

// Create makes this peer a member of a new object's ring. The key is that of
// this member in the genesis; it is stored with the log. To create an object
// again changes nothing. Errors: bft.ErrGenesis, ErrConfig, the executor's and
// the store's.
func (h *Host) Create(ctx context.Context, g bft.Genesis, ringKey wire.Key) error {
	object, err := g.Verify()
	if err != nil {
		return err
	}
	self := g.Body.Ring().Index(h.Self)
	switch {
	case self < 0 || g.Body.Members[self].Key != ringKey.Public():
		return fmt.Errorf("%w: not the key of a member", ErrConfig)
	case len(g.Body.Members) > 1 && h.Transport == nil:
		return fmt.Errorf("%w: a ring of %d without a network", ErrConfig, len(g.Body.Members))
	}
	start, err := h.Executor.Genesis(ctx, g)
	if err != nil {
		return fmt.Errorf("genesis of %v: %w", object, err)
	}
	s := standing{origin: originRecord{Format: originFormat, Genesis: g, Root: start.Root}, ring: g.Body.Ring()}
	s.member = memberRecord{Format: memberFormat, Epoch: 1, Ring: s.ring.ID(), Member: true, Seed: ringKey.Seed()}
	if err := h.Store.Update(func(w kv.Writer) error { return createObject(w, s, start.Finish) }); err != nil {
		return err
	}
	return h.Store.Sync()
}

func createObject(w kv.Writer, s standing, finish func(kv.Writer) error) error {
	if _, found, err := getStanding(w, s.ring.Object); found || err != nil {
		return err
	}
	if err := putStanding(w, s); err != nil {
		return err
	}
	if err := dropReservation(w, wire.NewKey(s.member.Seed).Public()); err != nil {
		return err
	}
	if finish == nil {
		return nil
	}
	return finish(w)
}

// Objects returns the objects of whose rings this peer is a member, in order.
func (h *Host) Objects() (objects []wire.ObjectID, err error) {
	parse := as[memberRecord](memberBytesMax)
	err = h.scan(keyMember, false, func(object wire.ObjectID, b []byte) error {
		m, err := parse(b)
		if err == nil && m.Member {
			objects = append(objects, object)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	err = h.scan(keyObject, true, func(object wire.ObjectID, _ []byte) error { // of the first format
		objects = append(objects, object)
		return nil
	})
	slices.SortFunc(objects, func(a, b wire.ObjectID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(objects), err
}

// unfinished returns the objects that were in the middle of something.
func (h *Host) unfinished() (objects []wire.ObjectID, err error) {
	parse := as[stateRecord](stateBytesMax)
	err = h.scan(keyState, false, func(object wire.ObjectID, b []byte) error {
		s, err := parse(b)
		if err == nil && (s.Changing || s.Accepted != nil) {
			objects = append(objects, object)
		}
		return err
	})
	return objects, err
}

func (h *Host) scan(kind byte, keysOnly bool, fn func(wire.ObjectID, []byte) error) error {
	prefix := []byte{'r', kind}
	return h.Store.View(func(r kv.Reader) error {
		return r.Scan(prefix, prefix, keysOnly, func(k, v []byte) (bool, error) {
			if len(k) != len(prefix)+wire.HashSize {
				return false, fmt.Errorf("%w: key of %d bytes", errRecord, len(k))
			}
			return true, fn(wire.ObjectID(k[len(prefix):]), v)
		})
	})
}

// Version returns a committed version of an object: its certificate, and the
// updates that it executed with their outcomes. Errors: ErrUnknownObject, also for a
// version that this member does not have, as it joined later.
func (h *Host) Version(object wire.ObjectID, v wire.Version) (bft.Certificate, bft.Batch, error) {
	var data bft.Data
	err := h.Store.View(func(r kv.Reader) (err error) {
		data, err = getData(r, object, v)
		return err
	})
	if err != nil {
		return bft.Certificate{}, bft.Batch{}, err
	}
	return *data.Commit, data.Proposal.Batch, nil
}

func getData(r kv.Reader, object wire.ObjectID, v wire.Version) (bft.Data, error) {
	c, found, err := get(r, commitKey(object, v), bft.ParseCertificate)
	if err == nil && !found {
		err = fmt.Errorf("version %d of %v: %w", v, object, ErrUnknownObject)
	}
	if err != nil {
		return bft.Data{}, err
	}
	p, found, err := get(r, proposalKey(object, v, c.Version()), bft.ParseProposal)
	if err == nil && !found {
		err = fmt.Errorf("batch of version %d of %v: %w", v, object, ErrUnknownObject) // it was joined later
	}
	return bft.Data{Proposal: p, Commit: &c}, err
}
