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
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
)

// plan has the peers named reserve keys and accept a ring of theirs.
func (c *cluster) plan(object wire.ObjectID, before bft.RingCert, peers ...int) bft.Reconfiguration {
	c.t.Helper()
	p := bft.Plan{Object: object, Epoch: before.Epoch + 1, Previous: before.ID()}
	for _, i := range peers {
		public, err := c.hosts[i].Reserve(object, p.Epoch)
		if err != nil {
			c.t.Fatal(err)
		}
		p.Members = append(p.Members, bft.Member{Peer: peer(i), Key: public})
	}
	return bft.NewReconfiguration(p, c.accept(p, peers...), nil)
}

func (c *cluster) accept(p bft.Plan, peers ...int) (all []bft.Acceptance) {
	for _, i := range peers {
		all = append(all, bft.AcceptPlan(testKey('p', i), p, 0))
	}
	return all
}

// join brings a peer into the ring that another is in.
func (c *cluster) join(i, from int, object wire.ObjectID) {
	c.t.Helper()
	head, found, err := c.hosts[from].Chain(object)
	if err != nil || !found {
		c.t.Fatalf("chain: %v, %v", found, err)
	}
	v, err := head.Verify(object)
	if err != nil {
		c.t.Fatal(err)
	}
	err = c.hosts[i].Join(context.Background(), object, head, put(v.Decision.State))
	if err != nil && !errors.Is(err, ErrOlder) { // it was a member before
		c.t.Fatalf("peer %d: %v", i, err)
	}
}

// ring returns the present ring as a host knows it.
func (c *cluster) ring(i int, object wire.ObjectID) bft.Verified {
	c.t.Helper()
	head, _, err := c.hosts[i].Head(object)
	if err != nil {
		c.t.Fatal(err)
	}
	v, err := head.Verify(object)
	if err != nil {
		c.t.Fatal(err)
	}
	return v
}

func TestSizes(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 14)
		defer c.stopAll()
		object := c.create(newGenesis("home", 1))
		all := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}
		now, version := []int{0}, wire.Version(0)
		for epoch, next := range [][]int{all[:4], all[2:9], all[1:11], all[3:7], {13}, all[9:13], all[:1]} {
			c.submit(now[0], object, fmt.Sprint("in epoch ", epoch+1))
			before := c.ring(now[0], object)
			version += 2
			r := c.submit(now[0], object, string(c.plan(object, before.Ring, next...).Encode()))
			if r.Version != version || r.Certificate.Decision.NextRing == (wire.RingCertID{}) {
				t.Fatalf("epoch %d: %+v", epoch+2, r)
			}
			synctest.Wait()
			for _, i := range next {
				c.join(i, now[0], object)
			}
			for _, i := range now {
				_, err := c.hosts[i].Submit(context.Background(), object, fmt.Append(nil, epoch, " from ", i))
				if slices.Contains(next, i) {
					version++
				} else if !errors.Is(err, ErrMoved) || !errors.Is(err, ErrUnknownObject) {
					t.Errorf("epoch %d, submitted to %d: %v", epoch+2, i, err)
				}
			}
			began := time.Now()
			r = c.submit(next[len(next)-1], object, fmt.Sprint("first of epoch ", epoch+2))
			if version++; r.Version != version {
				t.Errorf("epoch %d begins with version %d, not %d", epoch+2, r.Version, version)
			}
			if d := time.Since(began); d > 0 {
				t.Errorf("epoch %d begins after %v", epoch+2, d)
			}
			if v := c.ring(next[0], object); int(v.Epoch) != epoch+2 || len(v.Ring.Members) != len(next) {
				t.Errorf("ring %+v", v)
			}
			now = next
		}
	})
}

// Whoever waits when the ring changes is served by the next one, or told.
func TestWritersDuringReconfiguration(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 5)
		defer c.stopAll()
		g := newGenesis("home", 4)
		object := c.create(g)
		var group sync.WaitGroup
		var mu sync.Mutex
		ordered := map[string]wire.Version{}
		for i := range 200 {
			group.Go(func() {
				u := fmt.Sprint("update ", i)
				r, err := c.hosts[i%4].Submit(context.Background(), object, []byte(u))
				if errors.Is(err, ErrMoved) && i%4 == 0 {
					r, err = c.hosts[1].Submit(context.Background(), object, []byte(u))
				}
				if err != nil {
					t.Errorf("%s: %v", u, err)
				}
				mu.Lock()
				ordered[u] = r.Version
				mu.Unlock()
			})
			if i == 100 {
				r := c.plan(object, g.Body.Ring(), 1, 2, 3, 4)
				group.Go(func() {
					c.submit(2, object, string(r.Encode()))
					c.join(4, 2, object)
				})
			}
		}
		group.Wait()
		time.Sleep(time.Minute)
		for _, i := range []int{1, 2, 3, 4} {
			if v := c.ring(i, object); v.Epoch != 2 || v.Decision.Version != c.ring(1, object).Decision.Version {
				t.Errorf("peer %d: %+v", i, v)
			}
		}
		seen := map[string]bool{}
		for _, u := range history(t, c.hosts[1], object) {
			seen[u] = true
		}
		for u := range ordered {
			if !seen[u] {
				t.Errorf("%q is lost", u)
			}
		}
	})
}

// history returns all updates that a host has in its log.
func history(t *testing.T, h *Host, object wire.ObjectID) (updates []string) {
	t.Helper()
	for v := wire.Version(1); ; v++ {
		_, batch, err := h.Version(object, v)
		if errors.Is(err, ErrUnknownObject) {
			return updates
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range batch.Updates {
			updates = append(updates, string(u))
		}
	}
}

// A member that was cut off when its ring ended hears of it from those who have
// left, and goes on in the next ring or not.
func TestLateMember(t *testing.T) {
	for _, stays := range []bool{true, false} {
		virtual(t, func(t *testing.T) {
			c := newCluster(t, 6)
			defer c.stopAll()
			g := newGenesis("home", 4)
			object := c.create(g)
			c.submit(0, object, "one")
			next := []int{0, 1, 4, 5}
			if stays {
				next = []int{0, 1, 3, 4}
			}
			r := c.plan(object, g.Body.Ring(), next...)
			c.lose(func(from, to int, _ []byte) bool { return from == 3 || to == 3 })
			c.submit(0, object, "two")
			c.submit(1, object, string(r.Encode()))
			synctest.Wait()
			for _, i := range next[2:] {
				if i != 3 {
					c.join(i, 0, object)
				}
			}
			c.submit(0, object, "in epoch 2")
			c.lose(nil)
			reply, err := c.hosts[3].Submit(context.Background(), object, []byte("late"))
			if stays && (err != nil || reply.Version != 5) || !stays && !errors.Is(err, ErrMoved) {
				t.Errorf("stays %v: %+v, %v", stays, reply, err)
			}
			if v := c.ring(3, object); v.Epoch != 2 || v.Decision.Version < 3 {
				t.Errorf("stays %v: epoch %d, version %d", stays, v.Epoch, v.Decision.Version)
			}
		})
	}
}

// f+1 members replace a silent one, without the owner; the last decision chooses
// among the candidates.
func TestReplaceSilentMember(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 7)
		defer c.stopAll()
		g := newGenesis("home", 4)
		object := c.create(g)
		before := g.Body.Ring()
		previous := c.submit(0, object, "one").Certificate
		c.stop(3)
		p := bft.Plan{Object: object, Epoch: 2, Previous: before.ID(), Absent: peer(3), TimeUnixMilli: time.Now().UnixMilli()}
		for _, i := range []int{0, 1, 2} {
			public, _ := c.hosts[i].Reserve(object, 2)
			p.Members = append(p.Members, bft.Member{Peer: peer(i), Key: public})
		}
		candidates := []int{4, 5, 6}
		slices.SortFunc(candidates, func(a, b int) int {
			x, y := peer(a), peer(b)
			return slices.Compare(x[:], y[:])
		})
		for _, i := range candidates {
			public, _ := c.hosts[i].Reserve(object, 2)
			p.Candidates = append(p.Candidates, bft.Member{Peer: peer(i), Key: public})
		}
		var absences []bft.Absence
		for _, i := range []int{0, 2} {
			a, err := c.hosts[i].SignAbsence(object, p)
			if err != nil {
				t.Fatal(err)
			}
			absences = append(absences, a)
		}
		r := bft.NewReconfiguration(p, c.accept(p, append([]int{0, 1, 2}, candidates...)...), absences)
		reply := c.submit(1, object, string(r.Encode()))
		want := p.Ring(before, previous.Version())
		if reply.Certificate.Decision.NextRing != want.ID() {
			t.Fatalf("next ring %v", reply.Certificate.Decision.NextRing)
		}
		synctest.Wait()
		for _, i := range candidates {
			head, _, _ := c.hosts[0].Chain(object)
			v, _ := head.Verify(object)
			err := c.hosts[i].Join(context.Background(), object, head, put(v.Decision.State))
			if chosen := want.Index(peer(i)) >= 0; chosen != (err == nil) || !chosen && !errors.Is(err, ErrConfig) {
				t.Errorf("candidate %d, chosen %v: %v", i, chosen, err)
			}
		}
		if reply := c.submit(2, object, "three"); reply.Version != 3 {
			t.Errorf("version %d", reply.Version)
		}
	})
}

// More than f members are lost: the owner has another ring go on from the last
// version that is known.
func TestOverride(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 8)
		defer c.stopAll()
		g := newGenesis("home", 4)
		object := c.create(g)
		c.submit(0, object, "one")
		two := c.submit(0, object, "two").Certificate
		synctest.Wait()
		c.submit(0, object, "three, which is discarded")
		synctest.Wait()
		c.stop(2)
		c.stop(3)
		ring := bft.RingCert{Object: object, Epoch: 2, Previous: g.Body.Ring().ID()}
		for _, i := range []int{1, 4, 5, 6} {
			public, _ := c.hosts[i].Reserve(object, 2)
			ring.Members = append(ring.Members, bft.Member{Peer: peer(i), Key: public})
		}
		override := bft.SignOverride(testKey('o', 0), ring, two.Version(), 1)
		head := bft.NewHead(g, nil)
		head.Links = []bft.Link{{Ring: ring, Commit: &two, Override: &override}}
		v, err := head.Verify(object)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range []int{1, 4, 5, 6} {
			if err := c.hosts[i].Join(context.Background(), object, head, put(v.Decision.State)); err != nil {
				t.Fatalf("peer %d: %v", i, err)
			}
		}
		if err := c.hosts[0].Retire(context.Background(), object, head); err != nil {
			t.Fatal(err)
		}
		if _, err := c.hosts[0].Submit(context.Background(), object, []byte("x")); !errors.Is(err, ErrMoved) {
			t.Errorf("the lost ring's member: %v", err)
		}
		if r := c.submit(5, object, "another three"); r.Version != 3 || r.Certificate.Decision.Previous != two.Version() {
			t.Errorf("version %d", r.Version)
		}
		synctest.Wait()
		// The others of the lost ring return. They cannot go on, and are told.
		c.start(2)
		c.start(3)
		for _, i := range []int{2, 3} {
			if err := c.hosts[i].Retire(context.Background(), object, head); err != nil {
				t.Error(err)
			}
		}
		if v := c.ring(1, object); v.Overrides != 1 || v.Epoch != 2 || v.Decision.Version != 3 {
			t.Errorf("%+v", v)
		}
		if err := c.hosts[1].Join(context.Background(), object, head, nil); !errors.Is(err, ErrOlder) {
			t.Errorf("joined twice: %v", err)
		}
	})
}

// The owner's word shortens the chain.
func TestEndorse(t *testing.T) {
	virtual(t, func(t *testing.T) {
		c := newCluster(t, 4)
		defer c.stopAll()
		object := c.create(newGenesis("home", 1))
		now := 0
		for epoch := 2; epoch <= bft.LinksMax+2; epoch++ {
			next := (now + 1) % 4
			c.submit(now, object, string(c.plan(object, c.ring(now, object).Ring, next).Encode()))
			synctest.Wait()
			c.join(next, now, object)
			now = next
			if epoch%20 == 0 {
				v := c.ring(now, object)
				if err := c.hosts[now].Endorse(object, bft.Endorse(testKey('o', 0), v.Ring, 0)); err != nil {
					t.Fatal(err)
				}
				if err := c.hosts[now].Endorse(object, bft.Endorse(testKey('o', 1), v.Ring, 0)); !errors.Is(err, bft.ErrChain) {
					t.Errorf("endorsed by another: %v", err)
				}
			}
		}
		c.submit(now, object, "last")
		head, _, err := c.hosts[now].Head(object)
		if err != nil || head.Base == nil || head.Base.Ring.Epoch != 20 || len(head.Links) != bft.LinksMax+2-20 {
			t.Fatalf("base %v, %d links, %v", head.Base, len(head.Links), err)
		}
	})
}

// Whatever step of storing fails in a reconfiguration, the member finds itself
// before or after it.
func TestCrashInReconfiguration(t *testing.T) {
	for step := 0; ; step++ {
		done := false
		virtual(t, func(t *testing.T) { done = crashInReconfiguration(t, step) })
		if done {
			return
		}
	}
}

func crashInReconfiguration(t *testing.T, at int) (done bool) {
	c := newCluster(t, 5)
	defer c.stopAll()
	g := newGenesis("home", 4)
	object := c.create(g)
	c.submit(0, object, "one")
	synctest.Wait()
	r := c.plan(object, g.Body.Ring(), 0, 1, 2, 4)
	c.disks[0].Inject(func(step int) kvtest.Fault {
		if step == at {
			return kvtest.NotDone
		}
		return kvtest.None
	})
	c.submit(1, object, string(r.Encode()))
	synctest.Wait()
	done = c.disks[0].Steps() <= at
	c.disks[0].Inject(nil)
	c.stop(0)
	c.disks[0].Crash()
	c.start(0)
	c.join(4, 1, object)
	if _, err := c.hosts[0].Submit(context.Background(), object, []byte("afterwards")); err != nil {
		t.Errorf("step %d: %v", at, err)
	}
	time.Sleep(time.Minute)
	if v := c.ring(0, object); v.Epoch != 2 || v.Decision.Version != 3 {
		t.Errorf("step %d: epoch %d, version %d", at, v.Epoch, v.Decision.Version)
	}
	var m memberRecord
	c.disks[0].View(func(r kv.Reader) error {
		s, _, err := getStanding(r, object)
		m = s.member
		return err
	})
	if wire.NewKey(m.Seed).Public() != r.Plan.Members[0].Key {
		t.Errorf("step %d: not the key of epoch 2", at)
	}
	return done
}

// A user who has lost an answer asks again, of whichever member.
func TestAnUpdateThatComesAgainIsAnswered(t *testing.T) {
	for who := range 4 {
		virtual(t, func(t *testing.T) {
			c := newCluster(t, 4)
			defer c.stopAll()
			object := c.create(newGenesis("home", 4))
			c.submit(0, object, "u")
			synctest.Wait()
			ctx, cancel := context.WithTimeout(context.Background(), 120*time.Second)
			defer cancel()
			began := time.Now()
			if _, err := c.hosts[who].Submit(ctx, object, []byte("u")); err != nil {
				t.Errorf("member %d: %v", who, err)
			}
			if took := time.Since(began); took >= time.Second {
				t.Errorf("member %d answers after %v: it suspected the leader", who, took)
			}
		})
	}
}

// The member that is asked again may have restarted since, or have joined: it
// does not remember what the others do.
func TestAnUpdateThatComesAgainToARestartedMember(t *testing.T) {
	for who := range 4 {
		virtual(t, func(t *testing.T) {
			c := newCluster(t, 4)
			defer c.stopAll()
			object := c.create(newGenesis("home", 4))
			c.submit(0, object, "u")
			synctest.Wait()
			c.stop(who)
			c.start(who)
			c.submitWithin(2*viewChange, who, object, "u")
			c.submitWithin(0, who, object, "v")
		})
	}
}
