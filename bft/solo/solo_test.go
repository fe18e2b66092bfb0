package solo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
)

// counter is an executor whose state is the hash of all updates so far, each
// executed once.
type counter struct {
	fail error
}

func (counter) Genesis(context.Context, bft.Genesis) (Execution, error) {
	return Execution{Root: wire.NodeHash{1}, Keep: func(kv.Writer) error { return nil }}, nil
}

func (c counter) Execute(_ context.Context, _ wire.ObjectID, parent State, env Env, updates [][]byte) (Execution, error) {
	x := Execution{Root: parent.Root}
	for _, u := range updates {
		x.Root = wire.NodeHash(wire.Derive("atoll/v1/test", x.Root[:], u))
		x.Outcomes = append(x.Outcomes, fmt.Appendf(nil, "%s@%d", u, env.Version))
	}
	x.Keep = func(w kv.Writer) error { return w.Set(append([]byte("t"), x.Root[:]...), []byte("node")) }
	return x, c.fail
}

type world struct {
	store   *kvtest.Memory
	execute counter
	genesis bft.Genesis
	key     wire.Key
	object  wire.ObjectID
	now     int64
}

func newWorld(t *testing.T) *world {
	owner, peer, member := wire.NewKey([32]byte{1}), wire.NewKey([32]byte{2}), wire.NewKey([32]byte{3})
	body := bft.NewGenesisBody(owner.Public(), "test", [16]byte{4}, nil, []bft.Member{{Peer: wire.PeerID(peer.Public()), Key: member.Public()}})
	w := &world{
		store: kvtest.NewMemory(), key: member, object: body.ObjectID(), now: 1000,
		genesis: bft.NewGenesis(owner, body, []wire.Signature{bft.Accept(peer, body.ObjectID())}),
	}
	if err := w.open().Create(t.Context(), w.genesis, member); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) open() *Host {
	return New(w.store, w.execute, func() time.Time { return time.UnixMilli(w.now) })
}

// version checks the head as a reader would and returns its version.
func (w *world) version(t *testing.T, h *Host) bft.Verified {
	t.Helper()
	head, here, err := h.Head(w.object)
	if err != nil || !here {
		t.Fatalf("Head: here %v, error %v", here, err)
	}
	v, err := head.Verify(w.object)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSubmittedUpdatesBecomeVersionsThatSurviveACrash(t *testing.T) {
	w := newWorld(t)
	h := w.open()
	if v := w.version(t, h).Decision.Version; v != 0 {
		t.Errorf("a new object has version %d", v)
	}
	for i := 1; i <= 3; i++ {
		reply, err := h.Submit(t.Context(), w.object, fmt.Appendf(nil, "u%d", i))
		if err != nil || reply.Version != wire.Version(i) || string(reply.Outcome) != fmt.Sprintf("u%d@%d", i, i) {
			t.Fatalf("Submit %d: %+v, %v", i, reply, err)
		}
		w.now -= 500 // a clock that runs backwards
	}
	before := w.version(t, h)
	w.store.Crash()
	if after := w.version(t, w.open()); after.Decision != before.Decision || after.Decision.Version != 3 {
		t.Errorf("after a crash: %+v, before: %+v", after.Decision, before.Decision)
	}
	if before.Decision.TimeUnixMilli != 1000 {
		t.Errorf("time went back to %d", before.Decision.TimeUnixMilli)
	}
}

func TestEveryStepMayFail(t *testing.T) {
	for _, fault := range []kvtest.Fault{kvtest.NotDone, kvtest.Reported} {
		for step := range 2 {
			w := newWorld(t)
			h := w.open()
			if _, err := h.Submit(t.Context(), w.object, []byte("first")); err != nil {
				t.Fatal(err)
			}
			w.store.Inject(func(at int) kvtest.Fault {
				if at == step {
					return fault
				}
				return kvtest.None
			})
			if _, err := h.Submit(t.Context(), w.object, []byte("lost")); err == nil {
				t.Fatalf("step %d, fault %v: the update was acknowledged", step, fault)
			}
			w.store.Crash()
			h = w.open()
			// What failed may have become a version; what was acknowledged must be
			// one, and the object goes on from there.
			v := w.version(t, h).Decision.Version
			if v < 1 || v > 2 {
				t.Fatalf("step %d, fault %v: version %d", step, fault, v)
			}
			if reply, err := h.Submit(t.Context(), w.object, []byte("next")); err != nil || reply.Version != v+1 {
				t.Fatalf("step %d, fault %v: after version %d: %+v, %v", step, fault, v, reply, err)
			}
		}
	}
}

func TestExecutorFailureLeavesTheVersionBefore(t *testing.T) {
	w := newWorld(t)
	w.execute.fail = errors.New("disk")
	if _, err := w.open().Submit(t.Context(), w.object, []byte("x")); !errors.Is(err, w.execute.fail) {
		t.Fatalf("Submit: %v", err)
	}
	w.execute.fail = nil
	if reply, err := w.open().Submit(t.Context(), w.object, []byte("x")); err != nil || reply.Version != 1 {
		t.Fatalf("Submit: %+v, %v", reply, err)
	}
}

func TestConcurrentUpdatesAreOrderedOnceEach(t *testing.T) {
	w := newWorld(t)
	h := w.open()
	const writers, each = 20, 10
	var mu sync.Mutex
	var outcomes []string
	var all sync.WaitGroup
	for i := range writers {
		all.Go(func() {
			for j := range each {
				reply, err := h.Submit(t.Context(), w.object, fmt.Appendf(nil, "%d.%d", i, j))
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				outcomes = append(outcomes, string(reply.Outcome))
				mu.Unlock()
			}
		})
	}
	all.Wait()
	h.Close()
	slices.Sort(outcomes)
	if n := len(slices.Compact(outcomes)); n != writers*each {
		t.Errorf("%d different outcomes, want %d", n, writers*each)
	}
	if _, err := h.Submit(t.Context(), w.object, nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Submit after Close: %v", err)
	}
}

// blocked is an executor that waits, so that a queue can be filled.
type blocked struct {
	counter
	entered, release chan struct{}
}

func (b blocked) Execute(ctx context.Context, id wire.ObjectID, p State, e Env, u [][]byte) (Execution, error) {
	b.entered <- struct{}{}
	<-b.release
	return b.counter.Execute(ctx, id, p, e, u)
}

func TestLimits(t *testing.T) {
	w := newWorld(t)
	b := blocked{entered: make(chan struct{}, PendingUpdatesMax), release: make(chan struct{})}
	h := New(w.store, b, time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // Submit queues and returns
	h.Submit(ctx, w.object, []byte("first"))
	<-b.entered
	for i := range PendingUpdatesMax {
		if _, err := h.Submit(ctx, w.object, fmt.Append(nil, i)); !errors.Is(err, context.Canceled) {
			t.Fatalf("update %d: %v", i, err)
		}
	}
	if _, err := h.Submit(ctx, w.object, []byte("more")); !errors.Is(err, ErrBusy) {
		t.Errorf("beyond the limit: %v, want ErrBusy", err)
	}
	close(b.release)
	h.Close()
	if v := w.version(t, h).Decision.Version; v != 1+PendingUpdatesMax/wire.BatchUpdatesMax {
		t.Errorf("version %d after all were ordered in full batches", v)
	}
	h = w.open()
	if _, err := h.Submit(ctx, w.object, make([]byte, wire.UpdateBytesMax+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("oversized: %v", err)
	}
	if _, err := h.Submit(ctx, wire.ObjectID{9}, []byte("x")); !errors.Is(err, ErrUnknownObject) {
		t.Errorf("unknown object: %v", err)
	}
}

func TestDamagedCertificateIsNotTakenUp(t *testing.T) {
	w := newWorld(t)
	if _, err := w.open().Submit(t.Context(), w.object, []byte("x")); err != nil {
		t.Fatal(err)
	}
	w.store.Flip(certificateKey(w.object), 800)
	if _, _, err := w.open().Head(w.object); err == nil {
		t.Error("a damaged certificate was taken up")
	}
}

func TestCreateIsIdempotentAndChecksTheKey(t *testing.T) {
	w := newWorld(t)
	h := w.open()
	if _, err := h.Submit(t.Context(), w.object, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := h.Create(t.Context(), w.genesis, w.key); err != nil {
		t.Error(err)
	}
	if v := w.version(t, h).Decision.Version; v != 1 {
		t.Errorf("creating it again led back to version %d", v)
	}
	if err := h.Create(t.Context(), w.genesis, wire.NewKey([32]byte{9})); !errors.Is(err, bft.ErrRing) {
		t.Errorf("another key: %v", err)
	}
	if ids, err := h.Objects(); err != nil || len(ids) != 1 || ids[0] != w.object {
		t.Errorf("Objects = %v, %v", ids, err)
	}
}
