package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
)

// agree waits until the members named have the same newest version, and returns
// its log.
func (c *cluster) agree(g bft.Genesis, members ...int) []string {
	c.t.Helper()
	synctest.Wait()
	var log []string
	for n, i := range members {
		got := check(c.t, c.hosts[i], g)
		if n == 0 {
			log = got
		} else if !slices.Equal(got, log) {
			c.t.Fatalf("member %d has %q, member %d has %q", members[0], log, i, got)
		}
	}
	return log
}

func TestRingOfFour(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 4)
		defer c.stopAll()
		g := newGenesis("home", 4)
		object := c.create(g)
		began := time.Now()
		for i := range 8 {
			r := c.submit(i%4, object, fmt.Sprint("update ", i))
			if r.Version != wire.Version(i+1) || r.Certificate.Verify(bft.Commit, g.Body.Ring()) != nil {
				t.Errorf("update %d is version %d", i, r.Version)
			}
		}
		if log := c.agree(g, 0, 1, 2, 3); len(log) != 8 {
			t.Errorf("log %q", log)
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("it took a timer: %v", d)
		}
	})
}

// Many writers on all members at once: everything once, in one order.
func TestManyWriters(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 4)
		defer c.stopAll()
		g := newGenesis("home", 4)
		object := c.create(g)
		var group sync.WaitGroup
		const updates = 1000
		for i := range updates {
			group.Go(func() { c.submit(i%4, object, fmt.Sprint("update ", i)) })
		}
		group.Wait()
		time.Sleep(time.Minute) // those that lag catch up
		log := c.agree(g, 0, 1, 2, 3)
		slices.Sort(log)
		if log = slices.Compact(log); len(log) != updates {
			t.Errorf("%d updates", len(log))
		}
	})
}

// f members are dead, the leader among them.
func TestLeaderDies(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 4)
		defer c.stopAll()
		g := newGenesis("home", 4)
		object := c.create(g)
		c.submit(0, object, "one")
		leader := g.Body.Ring().Leader(0)
		c.stop(leader)
		began := time.Now()
		c.submit((leader+1)%4, object, "two")
		if d := time.Since(began); d > 2500*time.Millisecond {
			t.Errorf("the next commit took %v", d)
		}
		began = time.Now()
		c.submit((leader+2)%4, object, "three")
		if d := time.Since(began); d != 0 {
			t.Errorf("the one after took %v", d)
		}
		// It comes back, behind and in an old view, and takes part again.
		c.disks[leader].Crash()
		c.start(leader)
		r := c.submit(leader, object, "four")
		if log := c.agree(g, 0, 1, 2, 3); r.Version != 4 || !slices.Equal(log, []string{"one", "two", "three", "four"}) {
			t.Errorf("version %d, log %q", r.Version, log)
		}
	})
}

// More than f members are gone: nothing commits, nothing is lost, and when they
// return the waiting update commits without being sent again.
func TestQuorumLost(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 4)
		defer c.stopAll()
		g := newGenesis("home", 4)
		object := c.create(g)
		c.submit(0, object, "one")
		c.stop(2)
		c.stop(3)
		done := make(chan error)
		go func() {
			_, err := c.hosts[0].Submit(context.Background(), object, []byte("two"))
			done <- err
		}()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := c.hosts[1].Submit(ctx, object, []byte("three")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without a quorum: %v", err)
		}
		c.start(2)
		c.start(3)
		if err := <-done; err != nil {
			t.Error(err)
		}
		time.Sleep(5 * time.Minute)
		if log := c.agree(g, 0, 1, 2, 3); len(log) != 3 {
			t.Errorf("log %q", log)
		}
	})
}

// The whole ring is killed at any moment and started again: what was
// acknowledged is there, and what was prepared is brought to its end by Run.
func TestWholeRingRestarts(t *testing.T) {
	for kill := range 40 {
		virtual(t, func(t *testing.T) {
			c := newCluster(t, 4)
			g := newGenesis("home", 4)
			object := c.create(g)
			sent := 0
			c.lose(func(int, int, []byte) bool { sent++; return sent > kill })
			var acknowledged []string
			for i := 0; ; i++ {
				ctx, cancel := context.WithTimeout(context.Background(), time.Second)
				u := fmt.Sprint("update ", i)
				_, err := c.hosts[i%4].Submit(ctx, object, []byte(u))
				cancel()
				if err != nil {
					break
				}
				acknowledged = append(acknowledged, u)
			}
			c.stopAll()
			c.lose(nil)
			ctx, cancel := context.WithCancel(context.Background())
			var group sync.WaitGroup
			for i := range 4 {
				c.disks[i].Crash()
				c.start(i)
				group.Go(func() { c.hosts[i].Run(ctx) })
			}
			time.Sleep(time.Minute)
			c.submit(0, object, "afterwards")
			time.Sleep(time.Minute)
			log := c.agree(g, 0, 1, 2, 3)
			for _, u := range append(acknowledged, "afterwards") {
				if !slices.Contains(log, u) {
					t.Errorf("kill %d: %q is lost; there are %q", kill, u, log)
				}
			}
			cancel()
			group.Wait()
			c.stopAll()
		})
	}
}

// A member whose executor gives other results cannot harm the rest, nor do they
// wait for it.
func TestMemberComputesWrong(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 4)
		defer c.stopAll()
		g := newGenesis("home", 4)
		object := c.create(g)
		leader := g.Body.Ring().Leader(0)
		c.toys[leader].set(func(x *toy) { x.wrong = true })
		c.submit((leader+1)%4, object, "one")
		c.submit((leader+2)%4, object, "two")
		others := []int{(leader + 1) % 4, (leader + 2) % 4, (leader + 3) % 4}
		if log := c.agree(g, others...); !slices.Equal(log, []string{"one", "two"}) {
			t.Errorf("log %q", log)
		}
	})
}

// A peer's messages may take no more room than it has.
func TestInboxBound(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 4)
		g := newGenesis("home", 4)
		object := c.create(g)
		leader := g.Body.Ring().Leader(0)
		c.toys[leader].set(func(x *toy) { x.gate = make(chan struct{}) })
		other := (leader + 1) % 4
		message := func(i int) []byte {
			return bft.EncodeMessage(object, 1, &bft.Request{Update: append([]byte{byte(i), byte(i >> 8)}, make([]byte, 100<<10)...)})
		}
		h := c.hosts[leader]
		h.Deliver(peer(other), message(0))
		synctest.Wait() // it is being executed
		for i := range 200 {
			h.Deliver(peer(other), message(i+1))
		}
		if got := h.inbox[peer(other)]; got > InboxBytesPerPeerMax || got < InboxBytesPerPeerMax/2 {
			t.Errorf("%d bytes wait", got)
		}
		for _, b := range [][]byte{nil, []byte("garbage"), make([]byte, bft.MessageBytesMax+1), message(1)[:50],
			bft.EncodeMessage(wire.ObjectID{1}, 1, &bft.Suspect{}), bft.EncodeMessage(object, 2, &bft.Suspect{})} {
			h.Deliver(peer((leader+2)%4), b)
		}
		h.Deliver(peer(77), message(1))
		if len(h.inbox) != 1 {
			t.Errorf("room taken by %d peers", len(h.inbox))
		}
		c.stopAll()
		if len(h.inbox) != 0 {
			t.Errorf("room not given back: %v", h.inbox)
		}
	})
}
