package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
)

func TestRingOfOne(t *testing.T) {
	c := newCluster(t, 1)
	defer c.stopAll()
	g := newGenesis("home", 1)
	object := c.create(g)
	head, found, err := c.hosts[0].Head(object)
	if v, verr := head.Verify(object); err != nil || !found || verr != nil || v.Decision.Version != 0 {
		t.Fatalf("head of version 0: %+v, %v, %v", v, err, verr)
	}
	for i := 1; i <= 3; i++ {
		u := fmt.Sprint("update ", i)
		r := c.submit(0, object, u)
		if r.Version != wire.Version(i) || string(r.Outcome) != "0:"+u || r.Certificate.Verify(bft.Commit, g.Body.Ring()) != nil {
			t.Errorf("%s: %+v", u, r)
		}
	}
	if got := check(t, c.hosts[0], g); len(got) != 3 {
		t.Errorf("log %q", got)
	}
	c.create(g) // again: nothing changes
	objects, err := c.hosts[0].Objects()
	if err != nil || len(objects) != 1 || objects[0] != object {
		t.Errorf("objects %v, %v", objects, err)
	}

	c.stop(0)
	c.disks[0].Crash()
	c.start(0)
	if r := c.submit(0, object, "after a restart"); r.Version != 4 {
		t.Errorf("version %d after a restart", r.Version)
	}
	if got := check(t, c.hosts[0], g); len(got) != 4 || got[3] != "after a restart" {
		t.Errorf("log %q", got)
	}
}

func TestRefused(t *testing.T) {
	c := newCluster(t, 1)
	defer c.stopAll()
	h, ctx := c.hosts[0], context.Background()
	if err := h.Create(ctx, newGenesis("x", 1), ringKey(1)); !errors.Is(err, ErrConfig) {
		t.Errorf("another ring key: %v", err)
	}
	forged := newGenesis("x", 1)
	forged.Body.Label = "y"
	if err := h.Create(ctx, forged, ringKey(0)); !errors.Is(err, bft.ErrGenesis) {
		t.Errorf("a forged genesis: %v", err)
	}
	if _, err := h.Submit(ctx, wire.ObjectID{1}, []byte("x")); !errors.Is(err, ErrUnknownObject) {
		t.Errorf("an unknown object: %v", err)
	}
	if _, found, err := h.Head(wire.ObjectID{1}); found || err != nil {
		t.Errorf("head of an unknown object: %v, %v", found, err)
	}
	object := c.create(newGenesis("home", 1))
	if _, err := h.Submit(ctx, object, make([]byte, wire.UpdateBytesMax+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a large update: %v", err)
	}
	if _, _, err := h.Version(object, 1); !errors.Is(err, ErrUnknownObject) {
		t.Errorf("a version to come: %v", err)
	}
	for _, cfg := range []Config{{}, {Self: peer(0), Store: c.disks[0]}, {Store: c.disks[0], Executor: c.toys[0]}} {
		if _, err := New(cfg); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", cfg, err)
		}
	}
	c.stop(0)
	if _, err := h.Submit(ctx, object, []byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed host: %v", err)
	}
}

// Updates that come together share versions, and each caller gets his own
// outcome.
func TestBatches(t *testing.T) {
	c := newCluster(t, 1)
	defer c.stopAll()
	g := newGenesis("home", 1)
	object := c.create(g)
	gate := make(chan struct{})
	c.toys[0].set(func(x *toy) { x.gate = gate })
	const updates = 600
	var group sync.WaitGroup
	for i := range updates {
		group.Go(func() {
			u := fmt.Sprint("update ", i)
			r, err := c.hosts[0].Submit(context.Background(), object, []byte(u))
			var position int
			var rest string
			if n, _ := fmt.Sscanf(string(r.Outcome), "%d:%s", &position, &rest); err != nil || n != 2 || string(r.Outcome) != fmt.Sprintf("%d:%s", position, u) {
				t.Errorf("%s: %q, %v", u, r.Outcome, err)
			}
		})
	}
	close(gate)
	group.Wait()
	got := check(t, c.hosts[0], g)
	slices.Sort(got)
	if got = slices.Compact(got); len(got) != updates {
		t.Errorf("%d updates ordered", len(got))
	}
	head, _, _ := c.hosts[0].Head(object)
	if v := head.Commit.Decision.Version; v >= updates/2 {
		t.Errorf("%d versions for %d updates", v, updates)
	}
}

// The two bounds of a batch: in number and in bytes.
func TestBatchBounds(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 1)
		defer c.stopAll()
		object := c.create(newGenesis("home", 1))
		gate := make(chan struct{})
		c.toys[0].set(func(x *toy) { x.gate = gate })
		submit := func(u []byte) { go c.hosts[0].Submit(context.Background(), object, u) }
		submit([]byte("first"))
		synctest.Wait()
		for i := range 5 {
			submit(append([]byte{byte(i)}, make([]byte, 100<<10)...))
		}
		synctest.Wait()
		close(gate)
		synctest.Wait()
		for v, want := range []int{1, 2, 2, 1} {
			_, b, err := c.hosts[0].Version(object, wire.Version(v+1))
			if err != nil || len(b.Updates) != want {
				t.Errorf("version %d has %d updates, %v", v+1, len(b.Updates), err)
			}
		}
	})
}

func TestBusy(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 1)
		object := c.create(newGenesis("home", 1))
		c.toys[0].set(func(x *toy) { x.gate = make(chan struct{}) })
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, bft.PendingMax)
		for i := range bft.PendingMax {
			go func() {
				_, err := c.hosts[0].Submit(ctx, object, fmt.Append(nil, i))
				ended <- err
			}()
		}
		synctest.Wait()
		if _, err := c.hosts[0].Submit(ctx, object, []byte("one more")); !errors.Is(err, ErrBusy) {
			t.Errorf("one more: %v", err)
		}
		cancel()
		for range bft.PendingMax {
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
		}
		// They are gone as callers and wait on as updates.
		ended = make(chan error, 1)
		go func() {
			_, err := c.hosts[0].Submit(context.Background(), object, []byte("another"))
			ended <- err
		}()
		synctest.Wait()
		c.stopAll()
		if err := <-ended; !errors.Is(err, ErrClosed) {
			t.Errorf("closed: %v", err)
		}
	})
}

// A failing executor fails those who wait, and leaves the object as it was.
func TestExecutorFails(t *testing.T) {
	c := newCluster(t, 1)
	defer c.stopAll()
	g := newGenesis("home", 1)
	object := c.create(g)
	c.submit(0, object, "one")
	c.toys[0].set(func(x *toy) { x.err = errToy })
	for range 2 {
		if _, err := c.hosts[0].Submit(context.Background(), object, []byte("two")); !errors.Is(err, errToy) {
			t.Errorf("error %v", err)
		}
	}
	c.toys[0].set(func(x *toy) { x.err = nil })
	if r := c.submit(0, object, "two"); r.Version != 2 {
		t.Errorf("retried as version %d", r.Version)
	}
	if got := check(t, c.hosts[0], g); !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("log %q", got)
	}
}

// Whatever step of storing fails, and however: who was answered finds his
// update after a restart, and the object goes on.
func TestCrashAtEachStep(t *testing.T) {
	for _, fault := range []kvtest.Fault{kvtest.NotDone, kvtest.Reported} {
		for step := 0; ; step++ {
			if done := crashAt(t, fault, step); done {
				break
			}
		}
	}
}

func crashAt(t *testing.T, fault kvtest.Fault, at int) (done bool) {
	t.Helper()
	c := newCluster(t, 1)
	defer c.stopAll()
	g := newGenesis("home", 1)
	object, disk, ctx := g.Body.ObjectID(), c.disks[0], context.Background()
	disk.Inject(func(step int) kvtest.Fault {
		if step == at {
			return fault
		}
		return kvtest.None
	})
	var acknowledged []string
	err := c.hosts[0].Create(ctx, g, ringKey(0))
	for i := 0; err == nil && i < 3; i++ {
		u := fmt.Sprint("update ", i)
		if _, err = c.hosts[0].Submit(ctx, object, []byte(u)); err == nil {
			acknowledged = append(acknowledged, u)
		}
	}
	if err != nil && !errors.Is(err, kvtest.ErrInjected) {
		t.Fatalf("step %d: %v", at, err)
	}
	c.stop(0)
	disk.Crash()
	c.start(0)
	c.create(g)
	c.submit(0, object, "afterwards")
	got := check(t, c.hosts[0], g)
	for _, u := range append(acknowledged, "afterwards") {
		if !slices.Contains(got, u) {
			t.Errorf("step %d: %q is lost, there are %q", at, u, got)
		}
	}
	return err == nil
}

// Without a restart too: after a failed write the object goes on from what is
// stored.
func TestFullDisk(t *testing.T) {
	c := newCluster(t, 1)
	defer c.stopAll()
	g := newGenesis("home", 1)
	object := c.create(g)
	c.submit(0, object, "one")
	c.disks[0].Fill(true)
	if _, err := c.hosts[0].Submit(context.Background(), object, []byte("two")); !errors.Is(err, kv.ErrFull) {
		t.Errorf("full disk: %v", err)
	}
	c.disks[0].Fill(false)
	c.submit(0, object, "three")
	if got := check(t, c.hosts[0], g); !slices.Equal(got, []string{"one", "three"}) {
		t.Errorf("log %q", got)
	}
}

// Damaged records are an error for this object and for no other.
func TestDamage(t *testing.T) {
	c := newCluster(t, 1)
	defer c.stopAll()
	bad, good := c.create(newGenesis("bad", 1)), c.create(newGenesis("good", 1))
	c.submit(0, bad, "one")
	c.stop(0)
	c.disks[0].Rot(commitKey(bad, 1))
	c.start(0)
	if _, err := c.hosts[0].Submit(context.Background(), bad, []byte("two")); !errors.Is(err, kv.ErrDamaged) {
		t.Errorf("damaged: %v", err)
	}
	c.submit(0, good, "one")
	for _, k := range [][]byte{key(keyOrigin, good), key(keyMember, good), key(keyHead, good), commitKey(good, 1)} {
		c.stop(0)
		if !c.disks[0].Flip(k, 3) {
			t.Fatal("no such record")
		}
		c.start(0)
		if _, err := c.hosts[0].Submit(context.Background(), good, []byte("x")); err == nil {
			t.Errorf("a flipped bit in %q goes unnoticed", k[:2])
		}
		c.disks[0].Flip(k, 3)
	}
}

// Objects that wait for nothing stay in memory only up to a number, and have
// neither goroutine nor timer: synctest would not end otherwise.
func TestIdleObjects(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 1)
		var objects []wire.ObjectID
		for i := range SeatsIdleMax + 20 {
			objects = append(objects, c.create(newGenesis(fmt.Sprint(i), 1)))
			c.submit(0, objects[i], "one")
		}
		synctest.Wait()
		if n := len(c.hosts[0].seats); n != SeatsIdleMax {
			t.Errorf("%d objects in memory", n)
		}
		for _, object := range objects {
			if r := c.submit(0, object, "two"); r.Version != 2 {
				t.Errorf("version %d", r.Version)
			}
		}
		c.stopAll()
	})
}
