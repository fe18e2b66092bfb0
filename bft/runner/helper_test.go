package runner

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
)

func testKey(kind byte, i int) wire.Key { return wire.NewKey([32]byte{kind, byte(i), byte(i >> 8)}) }
func peer(i int) wire.PeerID            { return wire.PeerID(testKey('p', i).Public()) }
func ringKey(i int) wire.Key            { return testKey('r', i) }

// newGenesis returns the genesis of an object that the peers 0 to n-1 order.
func newGenesis(label string, n int) bft.Genesis {
	var members []bft.Member
	for i := range n {
		members = append(members, bft.Member{Peer: peer(i), Key: ringKey(i).Public()})
	}
	owner := testKey('o', 0)
	body := bft.NewGenesisBody(owner.Public(), label, [16]byte{1}, nil, members)
	var accepted []wire.Signature
	for i := range n {
		accepted = append(accepted, bft.Accept(testKey('p', i), body.ObjectID()))
	}
	return bft.NewGenesis(owner, body, accepted)
}

// toy is an executor whose states are hashes of everything executed so far. It
// keeps each state under its root in the store and insists on finding the
// parent there, as a real one does.
type toy struct {
	store kv.Store
	mu    sync.Mutex
	err   error         // returned by Execute
	gate  chan struct{} // if not nil, Execute waits for it
	wrong bool          // gives wrong roots
	slow  time.Duration // what Execute takes
}

var errToy = errors.New("toy executor broke")

func stateKey(root wire.NodeHash) []byte { return append([]byte{'t'}, root[:]...) }

func put(root wire.NodeHash) func(kv.Writer) error {
	return func(w kv.Writer) error { return w.Set(stateKey(root), []byte{1}) }
}

func (x *toy) Genesis(_ context.Context, g bft.Genesis) (Execution, error) {
	id := g.Body.ObjectID()
	root := wire.NodeHash(wire.Derive(wire.ContextNode, id[:]))
	return Execution{Root: root, Finish: put(root)}, nil
}

func (x *toy) Execute(ctx context.Context, object wire.ObjectID, parent State, env Env, updates [][]byte) (Execution, error) {
	x.mu.Lock()
	err, gate, wrong, slow := x.err, x.gate, x.wrong, x.slow
	x.mu.Unlock()
	if slow > 0 {
		<-time.After(slow)
	}
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return Execution{}, ctx.Err()
		}
	}
	if err != nil {
		return Execution{}, err
	}
	err = x.store.View(func(r kv.Reader) error { return r.Get(stateKey(parent.Root), func([]byte) error { return nil }) })
	if err != nil {
		return Execution{}, fmt.Errorf("parent of version %d: %w", env.Version, err)
	}
	var outcomes [][]byte
	var next *bft.RingCert
	for i, u := range updates {
		outcomes = append(outcomes, fmt.Appendf(nil, "%d:%.20s", i, u))
		if next = nextRing(u, env); next != nil {
			updates = updates[:i+1]
			break
		}
	}
	root := wire.NodeHash(wire.Derive(wire.ContextNode, append([][]byte{parent.Root[:], wire.Uint64(uint64(env.TimeUnixMilli))}, updates...)...))
	if wrong {
		root[0]++
	}
	return Execution{Root: root, Outcomes: outcomes, NextRing: next, Finish: put(root)}, nil
}

// nextRing reads an update that is a reconfiguration; who signs it is not the
// toy's business.
func nextRing(u []byte, env Env) *bft.RingCert {
	r, err := bft.ParseReconfiguration(u)
	if err != nil || r.Verify(env.Ring, env.Version-1, env.TimeUnixMilli) != nil {
		return nil
	}
	next := r.Plan.Ring(env.Ring, env.Previous)
	return &next
}

func (x *toy) set(f func(*toy)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	f(x)
}

// cluster is a number of hosts in one process.
type cluster struct {
	t     *testing.T
	mu    sync.Mutex
	hosts []*Host
	toys  []*toy
	disks []*kvtest.Memory
	// lost says which messages are lost; nil: none.
	lost func(from, to int, message []byte) bool
	// ahead is how far the clocks of some hosts go before the others'.
	ahead map[int]time.Duration
}

func newCluster(t *testing.T, n int) *cluster {
	c := &cluster{t: t, hosts: make([]*Host, n), toys: make([]*toy, n), disks: make([]*kvtest.Memory, n)}
	for i := range n {
		c.disks[i] = kvtest.NewMemory()
		c.start(i)
	}
	return c
}

// start makes a host on the disk as it is, and runs it.
func (c *cluster) start(i int) *Host {
	c.t.Helper()
	x := &toy{store: c.disks[i]}
	h, err := New(Config{Self: peer(i), Store: c.disks[i], Executor: x, Transport: link{c, i},
		Clock: func() time.Time { return time.Now().Add(c.ahead[i]) }})
	if err != nil {
		c.t.Fatal(err)
	}
	c.mu.Lock()
	c.hosts[i], c.toys[i] = h, x
	c.mu.Unlock()
	return h
}

// link is one host's way to the others.
type link struct {
	*cluster
	from int
}

func (l link) Send(to wire.PeerID, message []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, h := range l.hosts {
		if peer(i) == to && h != nil && (l.lost == nil || !l.lost(l.from, i, message)) {
			go h.Deliver(peer(l.from), message)
		}
	}
}

func (c *cluster) lose(f func(from, to int, message []byte) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lost = f
}

// stop closes a host; what is sent to it is lost.
func (c *cluster) stop(i int) {
	c.mu.Lock()
	h := c.hosts[i]
	c.hosts[i] = nil
	c.mu.Unlock()
	if h != nil {
		h.Close()
	}
}

func (c *cluster) stopAll() {
	for i := range c.disks {
		c.stop(i)
	}
}

func (c *cluster) create(g bft.Genesis) wire.ObjectID {
	c.t.Helper()
	for i := range g.Body.Members {
		if err := c.hosts[i].Create(context.Background(), g, ringKey(i)); err != nil {
			c.t.Fatal(err)
		}
	}
	return g.Body.ObjectID()
}

func (c *cluster) submit(i int, object wire.ObjectID, update string) Reply {
	c.t.Helper()
	r, err := c.hosts[i].Submit(context.Background(), object, []byte(update))
	if err != nil {
		c.t.Fatalf("submit %q to %d: %v", update, i, err)
	}
	return r
}

// check walks an object's log on a disk: every version is there, certified,
// follows from the one before, and its state is stored. It returns all updates
// in order.
func check(t *testing.T, h *Host, g bft.Genesis) (updates []string) {
	t.Helper()
	object, ring := g.Body.ObjectID(), g.Body.Ring()
	head, found, err := h.Head(object)
	if err != nil || !found {
		t.Fatalf("no head: %v", err)
	}
	verified, err := head.Verify(object)
	if err != nil {
		t.Fatal(err)
	}
	var previous wire.VersionID
	for v := wire.Version(1); v <= verified.Decision.Version; v++ {
		c, batch, err := h.Version(object, v)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Verify(bft.Commit, ring); err != nil {
			t.Fatal(err)
		}
		if c.Decision.Version != v || c.Decision.Previous != previous || batch.Digest() != c.Decision.Outcomes {
			t.Fatalf("version %d does not follow", v)
		}
		err = h.Store.View(func(r kv.Reader) error { return r.Get(stateKey(c.Decision.State), func([]byte) error { return nil }) })
		if err != nil {
			t.Fatalf("state of version %d: %v", v, err)
		}
		previous = c.Version()
		for _, u := range batch.Updates {
			updates = append(updates, string(u))
		}
	}
	return updates
}

// virtual runs a test with a clock of its own.
func virtual(t *testing.T, f func(t *testing.T)) { t.Helper(); synctest.Test(t, f) }
