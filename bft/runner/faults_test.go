package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
)

// What a member's disk may do to it. In each case the others go on, at most one
// view change late, and nothing that was acknowledged is lost.

// eachMember runs a test once with every place in the ring: the leader's is
// among them.
func eachMember(t *testing.T, f func(t *testing.T, c *cluster, g bft.Genesis, victim int)) {
	t.Helper()
	for victim := range 4 {
		virtual(t, func(t *testing.T) {
			c := newCluster(t, 5)
			defer c.stopAll()
			g := newGenesis("home", 4)
			c.create(g)
			f(t, c, g, victim)
		})
	}
}

// others are the members of a ring of four without one.
func others(victim int) []int { return []int{(victim + 1) % 4, (victim + 2) % 4, (victim + 3) % 4} }

// submitWithin submits, and fails the test if the answer takes longer.
func (c *cluster) submitWithin(d time.Duration, i int, object wire.ObjectID, update string) {
	c.t.Helper()
	began := time.Now()
	c.submit(i, object, update)
	if took := time.Since(began); took > d {
		c.t.Errorf("%q took %v", update, took)
	}
}

const viewChange = 2500 * time.Millisecond // the most that one may take

// The ring key lies beside the log: who has lost one has lost both, and cannot
// vote against what he signed.
func TestAMemberLosesItsDisk(t *testing.T) {
	eachMember(t, func(t *testing.T, c *cluster, g bft.Genesis, victim int) {
		object, rest := g.Body.ObjectID(), others(victim)
		c.submit(rest[0], object, "one")
		c.stop(victim)
		c.disks[victim] = kvtest.NewMemory()
		c.start(victim)
		c.submitWithin(viewChange, rest[0], object, "two")
		c.submitWithin(0, rest[1], object, "three")
		if _, err := c.hosts[victim].Submit(t.Context(), object, []byte("x")); !errors.Is(err, ErrUnknownObject) {
			t.Errorf("it takes updates: %v", err)
		}
		if err := c.hosts[victim].Create(t.Context(), g, testKey('x', 1)); !errors.Is(err, ErrConfig) {
			t.Errorf("it becomes a member with another key: %v", err)
		}
		if log := c.agree(g, rest...); !slices.Equal(log, []string{"one", "two", "three"}) {
			t.Errorf("log %q", log)
		}
	})
}

// A flipped byte in any record makes the member silent for this object, loudly
// to its user; it does not vote from what it cannot read.
func TestAMembersLogIsDamaged(t *testing.T) {
	eachMember(t, func(t *testing.T, c *cluster, g bft.Genesis, victim int) {
		object, rest := g.Body.ObjectID(), others(victim)
		c.submit(victim, object, "one")
		synctest.Wait()
		for i, k := range [][]byte{key(keyOrigin, object), key(keyMember, object), key(keyHead, object), commitKey(object, 1)} {
			c.stop(victim)
			if !c.disks[victim].Flip(k, 5) {
				t.Fatalf("no record %q", k[:2])
			}
			c.start(victim)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			if _, err := c.hosts[victim].Submit(ctx, object, []byte("x")); err == nil || ctx.Err() != nil {
				t.Errorf("damaged record %q: %v", k[:2], err)
			}
			cancel()
			c.submitWithin(viewChange, rest[i%3], object, fmt.Sprint("without record ", i))
			c.disks[victim].Flip(k, 5)
		}
		if log := c.agree(g, rest...); len(log) != 5 {
			t.Errorf("log %q", log)
		}
	})
}

// The disk fills up at any moment: between a proposal and its vote, between the
// vote and the commit. The others go on without the member, and when there is
// room it takes part again; then another one may fail.
func TestADiskFillsUpInTheMiddleOfAVote(t *testing.T) {
	eachMember(t, func(t *testing.T, c *cluster, g bft.Genesis, victim int) {
		object, rest := g.Body.ObjectID(), others(victim)
		for at := range 6 {
			c.disks[victim].Inject(func(step int) kvtest.Fault {
				if step >= at {
					return kvtest.NotDone
				}
				return kvtest.None
			})
			for i := range 3 {
				c.submitWithin(2*viewChange, rest[i], object, fmt.Sprintf("full from step %d, %d", at, i))
			}
			c.disks[victim].Inject(nil)
			time.Sleep(10 * time.Second) // timers of those that were left behind
		}
		c.stop(rest[0])
		time.Sleep(time.Minute)
		c.submit(victim, object, "with its vote")
		if log := c.agree(g, victim, rest[1], rest[2]); len(log) != 19 {
			t.Errorf("%d updates: %q", len(log), log)
		}
	})
}

// Who restores a backup of a member's disk makes it a liar: it may vote again
// on what it has voted on. One liar is what a ring of four bears.
func TestAMembersDiskIsRestoredFromABackup(t *testing.T) {
	eachMember(t, func(t *testing.T, c *cluster, g bft.Genesis, victim int) {
		object, rest := g.Body.ObjectID(), others(victim)
		var want []string
		say := func(i int, update string) {
			t.Helper()
			c.submit(i, object, update)
			want = append(want, update)
		}
		say(rest[0], "one")
		synctest.Wait()
		backup := c.disks[victim].Image()
		for i := range 5 {
			say(rest[i%3], fmt.Sprint("after the backup ", i))
		}
		synctest.Wait()
		c.stop(victim)
		c.disks[victim].Restore(backup)
		c.start(victim)
		say(rest[1], "while it knows nothing of it")
		say(victim, "by itself")
		c.stop(rest[0])
		say(victim, "with its vote")
		if log := c.agree(g, victim, rest[1], rest[2]); !slices.Equal(log, want) {
			t.Errorf("log %q, want %q", log, want)
		}
	})
}

// A member whose clock is hours ahead cannot take the others with it, and one
// whose clock is behind holds nobody up.
func TestClocksHoursApart(t *testing.T) {
	for _, ahead := range []time.Duration{5 * time.Hour, -5 * time.Hour, 365 * 24 * time.Hour} {
		for victim := range 4 {
			virtual(t, func(t *testing.T) {
				c := newCluster(t, 4)
				defer c.stopAll()
				c.stop(victim)
				c.ahead = map[int]time.Duration{victim: ahead}
				c.start(victim)
				g := newGenesis("home", 4)
				object := c.create(g)
				for i := range 8 {
					c.submitWithin(2*viewChange, i%4, object, fmt.Sprint("update ", i))
				}
				time.Sleep(time.Minute)
				c.agree(g, 0, 1, 2, 3)
				head := c.ring(0, object)
				off := time.Until(time.UnixMilli(head.Decision.TimeUnixMilli))
				if off > 10*time.Minute {
					t.Errorf("clock of %d %v ahead: the ring's time is off by %v", victim, ahead, off)
				}
			})
		}
	}
}

// Two halves that cannot hear each other order nothing, a reconfiguration
// neither. When they can, it takes place once.
func TestReconfigurationDuringAPartition(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 5)
		defer c.stopAll()
		g := newGenesis("home", 4)
		object := c.create(g)
		c.submit(0, object, "one")
		r := c.plan(object, g.Body.Ring(), 0, 1, 2, 4)
		c.lose(func(from, to int, _ []byte) bool { return from%2 != to%2 })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if reply, err := c.hosts[0].Submit(ctx, object, r.Encode()); err == nil {
			t.Fatalf("ordered by two of four: %+v", reply)
		}
		c.lose(nil)
		time.Sleep(5 * time.Minute) // it waits still, and is ordered by itself
		c.join(4, 1, object)
		c.submit(1, object, "afterwards")
		time.Sleep(time.Minute)
		for _, i := range []int{0, 1, 2, 4} {
			if v := c.ring(i, object); v.Epoch != 2 || v.Decision.Version != 3 {
				t.Errorf("peer %d: epoch %d, version %d", i, v.Epoch, v.Decision.Version)
			}
		}
	})
}

// Of two plans for one epoch the ring carries out the one that it orders first.
func TestTwoReconfigurationsAtOnce(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 6)
		defer c.stopAll()
		g := newGenesis("home", 4)
		object := c.create(g)
		c.submit(0, object, "one")
		plans := []bft.Reconfiguration{
			c.plan(object, g.Body.Ring(), 0, 1, 2, 4),
			c.plan(object, g.Body.Ring(), 0, 1, 2, 5),
		}
		done := make(chan wire.RingCertID, len(plans))
		for i, p := range plans {
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				r, err := c.hosts[i].Submit(ctx, object, p.Encode())
				if err != nil {
					r = Reply{}
				}
				done <- r.Certificate.Decision.NextRing
			}()
		}
		changes := 0
		for range plans {
			if id := <-done; id != (wire.RingCertID{}) {
				changes++
			}
		}
		synctest.Wait()
		for i := range 6 {
			if _, found, _ := c.hosts[i].Chain(object); !found && i >= 4 {
				head, _, _ := c.hosts[1].Chain(object)
				if v, err := head.Verify(object); err == nil && v.Ring.Index(peer(i)) >= 0 {
					c.join(i, 1, object)
				}
			}
		}
		c.submit(1, object, "afterwards")
		first, second := c.ring(1, object), c.ring(2, object)
		if changes != 1 || first.Epoch != 2 || first.Ring.ID() != second.Ring.ID() {
			t.Errorf("%d changes; epochs %d and %d", changes, first.Epoch, second.Epoch)
		}
	})
}

// A new member that accepts and is never seen again is one of the f that may
// fail.
func TestANewMemberVanishes(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 5)
		defer c.stopAll()
		g := newGenesis("home", 4)
		object := c.create(g)
		c.submit(0, object, "one")
		r := c.plan(object, g.Body.Ring(), 0, 1, 2, 4)
		c.stop(4)
		c.submit(0, object, string(r.Encode()))
		for i := range 6 {
			c.submitWithin(4*viewChange, i%3, object, fmt.Sprint("without it ", i))
		}
		synctest.Wait()
		if v := c.ring(1, object); v.Epoch != 2 || v.Decision.Version != 8 {
			t.Errorf("epoch %d, version %d", v.Epoch, v.Decision.Version)
		}
	})
}

// A member that was replaced says all that it may say, in the old epoch and the
// new one. Nobody listens, nor keeps any of it.
func TestARemovedMemberStillVotes(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 5)
		defer c.stopAll()
		g := newGenesis("home", 4)
		object := c.create(g)
		c.submit(0, object, "one")
		said := make(map[string]bool)
		c.lose(func(from, _ int, message []byte) bool {
			if from == 3 {
				said[string(message)] = true
			}
			return false
		})
		c.submit(3, object, "two")
		c.submit(0, object, string(c.plan(object, g.Body.Ring(), 0, 1, 2, 4).Encode()))
		synctest.Wait()
		c.join(4, 0, object)
		c.submit(0, object, "in epoch 2")
		synctest.Wait()
		before := c.ring(1, object)
		for _, i := range []int{0, 1, 2, 4} {
			for message := range said {
				c.hosts[i].Deliver(peer(3), []byte(message))
			}
			for _, m := range []bft.Message{&bft.Suspect{View: 1}, &bft.Progress{Version: 9}, &bft.Request{Update: []byte("x")}} {
				c.hosts[i].Deliver(peer(3), bft.EncodeMessage(object, 2, m))
			}
		}
		time.Sleep(time.Minute)
		if v := c.ring(1, object); v.Decision != before.Decision {
			t.Errorf("version %d follows from what it said", v.Decision.Version)
		}
		c.submitWithin(0, 1, object, "and on it goes")
		synctest.Wait()
		for _, i := range []int{0, 1, 2, 4} {
			if len(c.hosts[i].inbox) > 0 {
				t.Errorf("peer %d keeps what it said: %v", i, c.hosts[i].inbox)
			}
		}
	})
}

// A member that says as much as it can takes no more than its share.
func TestAMemberFloodsTheOthers(t *testing.T) {
	eachMember(t, func(t *testing.T, c *cluster, g bft.Genesis, victim int) {
		object, rest := g.Body.ObjectID(), others(victim)
		stop, stopped := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(stopped)
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
				for j := range 50 {
					update := fmt.Appendf(make([]byte, 0, 1000), "flood %d of %d", j, i)
					for _, to := range rest {
						c.hosts[to].Deliver(peer(victim), bft.EncodeMessage(object, 1, &bft.Request{Update: update}))
					}
				}
			}
		}()
		for i := range 30 {
			c.submitWithin(viewChange, rest[i%3], object, fmt.Sprint("update ", i))
		}
		close(stop)
		<-stopped
	})
}

// A store that is closed or damaged beneath the host is the host's end, not a
// reason to go on from nothing.
func TestAHostOnAStoreThatIsGone(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 4)
		defer c.stopAll()
		g := newGenesis("home", 4)
		object := c.create(g)
		c.submit(0, object, "one")
		synctest.Wait()
		c.stop(2)
		if err := c.disks[2].Close(); err != nil {
			t.Fatal(err)
		}
		h := c.start(2)
		if err := h.Run(t.Context()); !errors.Is(err, kv.ErrClosed) {
			t.Errorf("run: %v", err)
		}
		c.submitWithin(viewChange, 0, object, "two")
	})
}
