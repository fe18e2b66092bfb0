package solo

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// PendingUpdatesMax is how many updates of one object may wait to be ordered.
const PendingUpdatesMax = 1024

// Errors that callers act on.
var (
	// ErrUnknownObject is returned for an object that is not ordered here.
	ErrUnknownObject = errors.New("this peer does not order the object")
	// ErrBusy is returned when PendingUpdatesMax updates wait already.
	ErrBusy = errors.New("too many updates are waiting")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("the ring is closed")
	// ErrTooLarge is returned for an update above wire.UpdateBytesMax.
	ErrTooLarge = errors.New("update too large")
)

// State is what a version is made from.
type State struct {
	Version wire.Version
	Root    wire.NodeHash
}

// Env is what the ring has decided about a version before it is executed.
type Env struct {
	Version       wire.Version
	TimeUnixMilli int64
}

// Execution is what became of a batch. Keep stores the new state's nodes in the
// transaction that stores the certificate.
type Execution struct {
	Root     wire.NodeHash
	Outcomes [][]byte
	Keep     func(kv.Writer) error
}

// Executor makes versions; it holds what an update means.
type Executor interface {
	// Genesis returns the state of version 0.
	Genesis(ctx context.Context, g bft.Genesis) (Execution, error)
	// Execute applies a batch. Its error is that of this peer's own store: bad
	// updates have outcomes.
	Execute(ctx context.Context, object wire.ObjectID, parent State, env Env, updates [][]byte) (Execution, error)
}

// Reply tells what became of an update.
type Reply struct {
	Version wire.Version
	Outcome []byte
}

// Host orders objects. It may be used from several goroutines.
type Host struct {
	store   kv.Store
	execute Executor
	now     func() time.Time

	mu      sync.Mutex
	objects map[wire.ObjectID]*object // those used since the start
	closed  bool
	work    sync.WaitGroup // objects being written
}

// New returns a Host over the local store, in which it uses the prefix 'r'.
func New(store kv.Store, e Executor, now func() time.Time) *Host {
	return &Host{store: store, execute: e, now: now, objects: make(map[wire.ObjectID]*object)}
}

// Create founds an object with this peer as its only member. The key is the
// member's; it is kept with the object's log, for who loses his log has lost
// his vote. Creating an object again changes nothing.
func (h *Host) Create(ctx context.Context, g bft.Genesis, key wire.Key) error {
	id, err := g.Verify()
	if err != nil {
		return err
	}
	if members := g.Body.Members; len(members) != 1 || members[0].Key != key.Public() {
		return fmt.Errorf("%w: not a ring of this key alone", bft.ErrRing)
	}
	if _, err := h.object(id); !errors.Is(err, ErrUnknownObject) {
		return err
	}
	x, err := h.execute.Genesis(ctx, g)
	if err != nil {
		return err
	}
	r := record{Genesis: g, Seed: key.Seed(), Root: x.Root}
	err = h.store.Update(func(w kv.Writer) error {
		if err := x.Keep(w); err != nil {
			return err
		}
		return w.Set(recordKey(id), wire.Marshal(r))
	})
	if err == nil {
		err = h.store.Sync()
	}
	return err
}

// Submit returns when the update has been executed in a version and that
// version is durable. When the context ends first, the update may still be
// ordered; sending it again is safe.
func (h *Host) Submit(ctx context.Context, id wire.ObjectID, update []byte) (Reply, error) {
	if len(update) > wire.UpdateBytesMax {
		return Reply{}, fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, len(update), wire.UpdateBytesMax)
	}
	o, err := h.object(id)
	if err != nil {
		return Reply{}, err
	}
	r := &request{update: update, done: make(chan struct{})}
	if err := h.enqueue(o, r); err != nil {
		return Reply{}, err
	}
	select {
	case <-r.done:
		return r.reply, r.err
	case <-ctx.Done():
		return Reply{}, ctx.Err()
	}
}

// enqueue hands a request to the goroutine that orders the object's updates,
// which lives as long as some are waiting.
func (h *Host) enqueue(o *object, r *request) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return ErrClosed
	}
	start, err := o.enqueue(r)
	if start {
		h.work.Go(func() { o.drain(h) })
	}
	return err
}

// Close refuses new updates and returns when those that wait are ordered.
func (h *Host) Close() {
	h.mu.Lock()
	h.closed = true
	h.mu.Unlock()
	h.work.Wait()
}

// Head returns the newest head of an object, and whether it is ordered here.
func (h *Host) Head(id wire.ObjectID) (bft.Head, bool, error) {
	o, err := h.object(id)
	if errors.Is(err, ErrUnknownObject) {
		return bft.Head{}, false, nil
	}
	if err != nil {
		return bft.Head{}, false, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	return bft.NewHead(o.genesis, o.commit), true, nil
}

// Objects returns the objects that are ordered here.
func (h *Host) Objects() (ids []wire.ObjectID, err error) {
	err = h.store.View(func(r kv.Reader) error {
		return r.Scan(recordPrefix, nil, true, func(k, _ []byte) (bool, error) {
			ids = append(ids, wire.ObjectID(k[len(recordPrefix):]))
			return true, nil
		})
	})
	return ids, err
}

// object returns an object, from the store at its first use.
func (h *Host) object(id wire.ObjectID) (*object, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if o := h.objects[id]; o != nil {
		return o, nil
	}
	o, err := load(h.store, id)
	if err == nil {
		h.objects[id] = o
	}
	return o, err
}
