package node

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// impatient finds members dead after a moment.
func impatient(c *Config) { c.RingDeadAfter = 2 * time.Second }

// patient never does, in a test.
func patient(c *Config) { c.RingDeadAfter = time.Hour }

func (c *cluster) ring(i int, ref string) api.Ring {
	c.t.Helper()
	r, err := c.user(i).Ring(c.t.Context(), api.RingRequest{Ref: ref})
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// reads waits until a file has that content at peers: one that did not write it
// may be given the version before for a moment.
func (c *cluster) reads(ref, want string, peers ...int) {
	c.t.Helper()
	for _, i := range peers {
		var got string
		var err error
		tick := time.NewTicker(50 * time.Millisecond)
		for late := time.Now().Add(10 * time.Second); time.Now().Before(late); <-tick.C {
			if got, err = c.get(i, ref); err == nil && got == want {
				break
			}
		}
		tick.Stop()
		if err != nil || got != want {
			c.t.Errorf("%s at peer %d: %q, %v, want %q", ref, i, got, err, want)
		}
	}
}

func TestASmallRingGrowsWhenPeersJoin(t *testing.T) {
	c := newClusterOf(t, 2, impatient)
	object, ref := c.init(0, 0)
	c.mustPut(0, "home:/a", "one")
	for range 3 {
		c.add()
	}
	c.until("the ring has four members", func() bool { return len(c.members(0, object)) == 4 })
	c.mustPut(0, "home:/b", "two")
	c.until("all four answer", func() bool { return c.ring(0, "home:").Answering == 4 })
	if r := c.ring(0, "home:"); r.Epoch != 2 || r.Overrides != 0 {
		t.Errorf("epoch %d, %d overrides", r.Epoch, r.Overrides)
	}
	c.reads(ref+"/a", "one", 0, 1, 2, 3, 4)
	c.reads(ref+"/b", "two", 0, 1, 2, 3, 4)
}

func TestASilentMemberIsReplaced(t *testing.T) {
	c := newClusterOf(t, 6, impatient)
	object, ref := c.init(0, 4)
	c.mustPut(0, "home:/a", "one")
	members := c.members(0, object)
	gone := members[1]
	c.stop(gone)
	c.until("another has taken its place", func() bool {
		if c.epoch(0, object) != 2 {
			return false
		}
		now := c.members(0, object)
		return len(now) == 4 && !slices.Contains(now, gone)
	})
	c.mustPut(0, "home:/b", "two")
	c.until("all four answer", func() bool { return c.ring(0, "home:").Answering == 4 })
	if r := c.ring(0, "home:"); r.Overrides != 0 {
		t.Errorf("%d overrides", r.Overrides)
	}
	c.reads(ref+"/a", "one", members[0])
	c.reads(ref+"/b", "two", members[0])
	c.start(gone)
	c.until("the one that was replaced has made way", func() bool {
		own, here, err := c.nodes[gone].ring.local(object)
		return err == nil && here && own.verified.Epoch == 2
	})
	c.reads(ref+"/b", "two", gone)
}

// epoch returns which ring of an object a peer knows to be the present one.
func (c *cluster) epoch(i int, object wire.ObjectID) wire.Epoch {
	k, err := c.nodes[i].ring.newest(c.t.Context(), object)
	if err != nil {
		return 0
	}
	return k.verified.Epoch
}

func TestTheOwnerReplacesAMember(t *testing.T) {
	c := newClusterOf(t, 6, patient)
	object, ref := c.init(0, 4)
	c.mustPut(0, "home:/a", "one")
	members := c.members(0, object)
	replaced := c.nodes[members[2]].host.Self()
	other := c.outside(append(slices.Clone(members), 0)...)
	if _, err := c.user(other).ReplaceMember(t.Context(), api.ReplaceRequest{Ref: ref, Peer: replaced.String()}); errs.KindOf(err) != errs.Refused {
		t.Errorf("by somebody who does not own it: %v", err)
	}
	r, err := c.user(0).ReplaceMember(t.Context(), api.ReplaceRequest{Ref: "home:", Peer: replaced.String()})
	if err != nil {
		t.Fatal(err)
	}
	if r.Epoch != 2 || slices.ContainsFunc(r.Members, func(m api.RingMember) bool { return m.Peer == replaced.String() }) {
		t.Errorf("the ring is %+v", r)
	}
	if _, err := c.user(0).ReplaceMember(t.Context(), api.ReplaceRequest{Ref: "home:", Peer: replaced.String()}); errs.KindOf(err) != errs.NotFound {
		t.Errorf("once more: %v", err)
	}
	c.mustPut(0, "home:/a", "two")
	c.reads(ref+"/a", "two", 0, other, members[2])
	if _, err := c.user(0).ReplaceMember(t.Context(), api.ReplaceRequest{Ref: "home:", Peer: "nonsense"}); errs.KindOf(err) != errs.Usage {
		t.Errorf("a peer that is none: %v", err)
	}
}

// fill makes the next turnovers find no room.
func (t *turnovers) fill() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range turnoversMax {
		object := wire.ObjectID{byte(i), byte(i >> 8), 1}
		t.waiting[turnoverKey{object, false}] = turnover{object: object}
	}
}

// A ring of which nobody stays hands its state over, archived or not.
func TestTheWholeRingIsReplaced(t *testing.T) {
	c := newClusterOf(t, 5, patient)
	object, ref := c.init(0, 1)
	c.mustPut(0, "home:/a", "one")
	member := c.members(0, object)[0]
	if err := c.replace(t.Context(), member); err != nil {
		t.Fatal(err)
	}
	c.mustPut(0, "home:/b", "two")
	if member != 0 {
		c.stop(member)
	}
	reader := c.outside(0, member)
	c.reads(ref+"/a", "one", reader)
	c.reads(ref+"/b", "two", reader)
}

// silentMember makes a ring of one whose member will tell nobody that a ring has
// followed it.
func (c *cluster) silentMember() (object wire.ObjectID, member int) {
	object, _ = c.init(0, 1)
	c.mustPut(0, "home:/a", "one")
	member = c.members(0, object)[0]
	c.nodes[member].turnovers.fill()
	return object, member
}

// replace has the owner put another peer in the place of a member.
func (c *cluster) replace(ctx context.Context, member int) error {
	_, err := c.user(0).ReplaceMember(ctx, api.ReplaceRequest{Ref: "home:", Peer: c.nodes[member].host.Self().String()})
	return err
}

// The only member of a ring makes way for another peer and stops before it has
// told it. Who ordered the change does.
func TestWhoChangesARingTellsItsMembers(t *testing.T) {
	c := newClusterOf(t, 5, patient)
	object, member := c.silentMember()
	if err := c.replace(t.Context(), member); err != nil {
		t.Fatal(err)
	}
	if next := c.members(0, object); next[0] == member {
		t.Fatal("the ring is the same")
	}
	c.mustPut(0, "home:/a", "two")
}

// Who ordered the change gives up before he has told the new member either. Then
// the next who writes does.
func TestAWriterTellsAMemberThatItIsOne(t *testing.T) {
	c := newClusterOf(t, 5, patient)
	object, member := c.silentMember()
	ctx, giveUp := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.replace(ctx, member)
	}()
	c.until("the change is ordered", func() bool { return c.epoch(member, object) == 2 })
	giveUp()
	<-ended
	c.mustPut(0, "home:/a", "two")
}

func TestWithTooFewPeersNoMemberIsReplaced(t *testing.T) {
	c := newClusterOf(t, 4, patient)
	object, _ := c.init(0, 4)
	members := c.members(0, object)
	peer := c.nodes[members[1]].host.Self().String()
	if _, err := c.user(0).ReplaceMember(t.Context(), api.ReplaceRequest{Ref: "home:", Peer: peer}); errs.KindOf(err) != errs.NoQuorum {
		t.Errorf("without a fifth peer: %v", err)
	}
	c.mustPut(0, "home:/a", "one")
}

func TestALostRingIsRecoveredByItsOwnerAlone(t *testing.T) {
	c := newClusterOf(t, 8, patient)
	object, ref := c.init(0, 4)
	c.mustPut(0, "home:/a", "one")
	c.mustPut(0, "home:/a", "two")
	if _, err := c.user(0).Recoverable(t.Context(), api.RingRequest{Ref: "home:"}); errs.KindOf(err) != errs.Conflict {
		t.Errorf("a ring that works: %v", err)
	}
	members := c.members(0, object)
	c.stop(members[0])
	c.stop(members[1])
	other := c.outside(append(slices.Clone(members), 0)...)
	if _, err := c.user(other).Recoverable(t.Context(), api.RingRequest{Ref: ref}); errs.KindOf(err) != errs.Refused {
		t.Errorf("by somebody who does not own it: %v", err)
	}
	left, err := c.user(0).Recoverable(t.Context(), api.RingRequest{Ref: "home:"})
	if err != nil || left.From != 2 || left.DiscardMax != 1 || left.Answering != 2 {
		t.Fatalf("what is left: %+v, %v", left, err)
	}
	if _, err := c.user(0).RecoverRing(t.Context(), api.RecoverRequest{Ref: "home:", From: 1}); errs.KindOf(err) != errs.Conflict {
		t.Errorf("from a version that is not the newest: %v", err)
	}
	r, err := c.user(0).RecoverRing(t.Context(), api.RecoverRequest{Ref: "home:", From: 2})
	if err != nil || r.Epoch != 2 || r.Overrides != 1 || len(r.Members) != 4 {
		t.Fatalf("the new ring: %+v, %v", r, err)
	}
	c.mustPut(0, "home:/b", "three")
	c.reads(ref+"/a", "two", 0, other)
	c.reads(ref+"/b", "three", 0, other)

	// Those of the old ring that return learn that it is not theirs any more.
	c.start(members[0])
	c.start(members[1])
	c.until("the old members have made way", func() bool {
		a, err := c.get(members[0], ref+"/b")
		b, err2 := c.get(members[1], ref+"/b")
		return err == nil && err2 == nil && a == "three" && b == "three"
	})
	c.mustPut(0, "home:/b", "four")
	for _, i := range []int{members[0], members[1], other} {
		c.until("the next version is read", func() bool {
			got, err := c.get(i, ref+"/b")
			return err == nil && got == "four"
		})
	}
}

func TestAfterAllMembersAreLostTheNewestPublishedVersionIsGoneOnFrom(t *testing.T) {
	c := newClusterOf(t, 8, patient)
	object, ref := c.init(0, 4)
	if _, err := c.user(0).Put(t.Context(), api.PutRequest{Dest: "home:/a", Mode: 0o644}, strings.NewReader("one")); err != nil {
		t.Fatal(err)
	}
	for _, m := range c.members(0, object) {
		c.stop(m)
	}
	left, err := c.user(0).Recoverable(t.Context(), api.RingRequest{Ref: "home:"})
	if err != nil || left.DiscardMax != -1 || left.From != 1 {
		t.Fatalf("what is left: %+v, %v", left, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := c.user(0).RecoverRing(ctx, api.RecoverRequest{Ref: "home:", From: left.From}); err != nil {
		t.Fatal(err)
	}
	c.mustPut(0, "home:/b", "two")
	c.reads(ref+"/a", "one", 0)
	c.reads(ref+"/b", "two", 0)
}
