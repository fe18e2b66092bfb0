package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/atollnet/atoll/bft/runner"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/ringnet"
	"github.com/atollnet/atoll/objects/update"
)

// pen signs updates by hand, as a client that does what it likes.
type pen struct {
	object  wire.ObjectID
	key     wire.Signer
	session wire.SessionID
}

func (p pen) sign(seq wire.Seq, mark string) []byte {
	file := wire.NodeID{1}
	return update.Sign(p.key, update.Update{
		Object: p.object, Session: p.session, Seq: seq, Until: 5000,
		Clauses: []update.Clause{{Actions: []update.Action{update.Append(file, []update.BlockRef{{Length: 1, Sealed: []byte(mark)}})}}},
	}).Encode()
}

// submit asks one member to order an update, from a peer.
func (c *cluster) submit(ctx context.Context, from, member int, object wire.ObjectID, signed []byte) (ringnet.Ordered, error) {
	return ringnet.Ask[ringnet.Ordered](ctx, c.nodes[from].calls, c.nodes[member].host.Self(), ringnet.KindSubmit, ringnet.Submit{Object: object, Update: signed})
}

// ordered returns all updates in a member's log.
func (c *cluster) ordered(member int, object wire.ObjectID) (all [][]byte) {
	c.t.Helper()
	head, _, err := c.nodes[member].rings.Head(object)
	if err != nil {
		c.t.Fatal(err)
	}
	for v := wire.Version(1); v <= head.Commit.Decision.Version; v++ {
		_, batch, err := c.nodes[member].rings.Version(object, v)
		if err != nil {
			c.t.Fatal(err)
		}
		all = append(all, batch.Updates...)
	}
	return all
}

// order has an update ordered through a peer's gateway; one that is not applied is
// an error.
func (c *cluster) order(peer int, object wire.ObjectID, signed []byte) error {
	o, err := c.nodes[peer].ring.Submit(c.t.Context(), object, signed)
	if err == nil {
		err = o.Outcome.Err()
	}
	return err
}

// What a ring has no use for leaves nothing behind, not even a version, and its
// author is told why.
func TestUselessUpdatesAreNotOrdered(t *testing.T) {
	c := newCluster(t, 6)
	object, _ := c.init(0, 4)
	members := c.members(0, object)
	outside := c.outside(append(members, 0)...)
	p := pen{object, author{c.nodes[0].volumes}, wire.SessionID{7}}
	old, newest := p.sign(1, "first"), wire.Seq(1+update.SessionSeqs)
	for _, good := range [][]byte{old, p.sign(newest, "much later")} {
		if err := c.order(outside, object, good); err != nil {
			t.Fatal(err)
		}
	}
	forged := p.sign(newest+1, "forged")
	forged[len(forged)-1]++
	for _, bad := range []struct {
		update []byte
		reason update.Reason
	}{
		{[]byte("no update"), update.ReasonMalformed},
		{pen{object, wire.NewKey([32]byte{66}), p.session}.sign(1, "let me in"), update.ReasonNotAllowed},
		{forged, update.ReasonSignature},
		{pen{wire.ObjectID{7}, p.key, p.session}.sign(newest+1, "here too"), update.ReasonWrongObject},
		{old, update.ReasonStale},
		{p.sign(newest, "another with this number"), update.ReasonReused},
	} {
		if err := c.order(outside, object, bad.update); kindOf(err) != errs.Refused || !strings.Contains(err.Error(), bad.reason.String()) {
			t.Errorf("%v: %v", bad.reason, err)
		}
	}
	if err := c.order(outside, object, p.sign(newest+1, "the last")); err != nil {
		t.Fatal(err)
	}
	c.until("the last is in the log", func() bool { return len(c.ordered(members[0], object)) >= 3 })
	if got := len(c.ordered(members[0], object)); got != 3 {
		t.Errorf("%d updates were ordered, want 3", got)
	}
}

// Who is allowed to write may do so at once, through members that have not got
// that version yet.
func TestAWriterIsKnownAtOnce(t *testing.T) {
	c := newCluster(t, 6)
	object, _ := c.init(0, 4)
	members := c.members(0, object)
	for i := range 20 {
		p := pen{object, wire.NewKey([32]byte{1, byte(i)}), wire.SessionID{8}}
		if _, err := c.user(0).Share(t.Context(), api.ShareRequest{Ref: "home:/", Write: p.key.Public().String(), Until: api.Ordered}); err != nil {
			t.Fatal(err)
		}
		if err := c.order(members[i%4], object, p.sign(1, "hello")); err != nil {
			t.Errorf("writer %d: %v", i, err)
		}
	}
}

// A client that floods all members with what is refused delays nobody, and
// nothing of it is in the history.
func TestAFloodOfBadUpdatesReachesNoRing(t *testing.T) {
	c := newCluster(t, 7)
	object, _ := c.init(0, 4)
	members := c.members(0, object)
	flooder := c.outside(append(members, 0)...)
	owner := author{c.nodes[0].volumes}
	stranger := pen{object, wire.NewKey([32]byte{66}), wire.SessionID{1}}
	forged := pen{object, owner, wire.SessionID{2}}
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	var refused, unheard atomic.Int64
	begun := make(chan struct{})
	var once sync.Once
	for _, m := range members {
		for range 8 {
			group.Go(func() {
				for seq := wire.Seq(1); ctx.Err() == nil; seq++ {
					b := stranger.sign(seq, "x")
					if seq%2 == 0 {
						b = forged.sign(seq, "x")
						b[len(b)-1]++ // of the signature
					}
					switch _, err := c.submit(ctx, flooder, m, object, b); kindOf(err) {
					case errs.Refused:
						refused.Add(1)
					case errs.Full:
						unheard.Add(1)
						once.Do(func() { close(begun) })
					}
				}
			})
		}
	}
	<-begun
	const puts = 10
	for i := range puts {
		c.mustPut(0, "home:/a", fmt.Sprint(i))
	}
	stop()
	group.Wait()
	if got := c.ordered(members[0], object); len(got) != puts {
		t.Errorf("%d updates in the history, want the %d of the user", len(got), puts)
	}
	if refused.Load() < int64(refusedRate.Burst) || unheard.Load() == 0 {
		t.Errorf("%d refused, then %d not looked at", refused.Load(), unheard.Load())
	}
}

// An author who may write and floods has as much waiting as he may, and no more;
// others are ordered meanwhile.
func TestAFloodOfGoodUpdatesLeavesRoomForOthers(t *testing.T) {
	c := newCluster(t, 7)
	object, _ := c.init(0, 4)
	members := c.members(0, object)
	flooder := c.outside(append(members, 0)...)
	owner := author{c.nodes[0].volumes}
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	var full atomic.Int64
	begun := make(chan struct{})
	var once sync.Once
	for w := range 2 * runner.PendingPerSourceMax {
		p := pen{object, owner, wire.SessionID{3, byte(w), byte(w >> 8)}}
		// Two peers ask, since one has not so many questions under way.
		from := []int{flooder, 0}[w%2]
		group.Go(func() {
			for seq := wire.Seq(1); ctx.Err() == nil; seq++ {
				if _, err := c.submit(ctx, from, members[0], object, p.sign(seq, "x")); kindOf(err) == errs.Full {
					full.Add(1)
					once.Do(func() { close(begun) })
				}
			}
		})
	}
	<-begun
	for i := range 5 {
		c.mustPut(0, "home:/a", fmt.Sprint(i))
	}
	stop()
	group.Wait()
	if full.Load() == 0 {
		t.Error("nothing was refused")
	}
}

// Of two updates with one sequence number, given to two members at once, one is
// executed, the same at all members, and whoever asks again hears the same.
func TestASequenceNumberIsUsedOnce(t *testing.T) {
	c := newCluster(t, 6)
	object, _ := c.init(0, 4)
	members := c.members(0, object)
	c.mustPut(0, "home:/a", "one")
	p := pen{object, author{c.nodes[0].volumes}, wire.SessionID{4}}
	for seq := wire.Seq(1); seq <= 5; seq++ {
		updates := [2][]byte{p.sign(seq, "x"), p.sign(seq, "y")}
		var applied [2]bool
		var group sync.WaitGroup
		for i := range updates {
			group.Go(func() { applied[i] = c.wasApplied(members[i], object, updates[i]) })
		}
		group.Wait()
		if applied[0] == applied[1] {
			t.Fatalf("sequence number %d: applied %v", seq, applied)
		}
		for i := range updates {
			for _, m := range members {
				if again := c.wasApplied(m, object, updates[i]); again != applied[i] {
					t.Errorf("sequence number %d, again at member %d: applied %v, at first %v", seq, m, again, applied[i])
				}
			}
		}
	}
	c.mustPut(0, "home:/a", "two")
	k, err := c.user(0).ring.newest(t.Context(), object)
	if err != nil || k.head.Commit.View != 0 {
		t.Errorf("view %d, %v: somebody was suspected", k.head.Commit.View, err)
	}
}

// wasApplied has a member order an update.
func (c *cluster) wasApplied(member int, object wire.ObjectID, signed []byte) bool {
	got, err := c.submit(c.t.Context(), 0, member, object, signed)
	if kindOf(err) == errs.Refused {
		return false
	}
	outcome, parse := update.ParseOutcome(got.Outcome)
	if err != nil || parse != nil {
		c.t.Errorf("%v, %v", err, parse)
	}
	return outcome.Status == update.Applied
}

// What was executed is told from the log, and ordered no second time.
func TestARepeatedUpdateIsNotOrderedAgain(t *testing.T) {
	c := newCluster(t, 6)
	object, _ := c.init(0, 4)
	members := c.members(0, object)
	signed := pen{object, author{c.nodes[0].volumes}, wire.SessionID{5}}.sign(1, "x")
	first, err := c.submit(t.Context(), 0, members[0], object, signed)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		again, err := c.submit(t.Context(), 0, members[0], object, signed)
		if err != nil || again.Certificate.Decision != first.Certificate.Decision || !bytes.Equal(again.Outcome, first.Outcome) {
			t.Errorf("%+v, %v; at first %+v", again.Certificate.Decision, err, first.Certificate.Decision)
		}
		if err := again.Proof.Verify(again.Certificate.Decision, signed, again.Outcome); err != nil {
			t.Error(err)
		}
	}
	if got := c.ordered(members[0], object); len(got) != 1 {
		t.Errorf("%d updates were ordered, want 1", len(got))
	}
}

// What members pass on is held to what no state can mend.
func TestForgeriesAreKnownWithoutAState(t *testing.T) {
	c := newCluster(t, 1)
	object, _ := c.init(0, 1)
	check := c.nodes[0].rings.Admitter.Check
	p := pen{object, author{c.nodes[0].volumes}, wire.SessionID{6}}
	stranger := pen{object, wire.NewKey([32]byte{66}), wire.SessionID{6}}
	forged := p.sign(1, "x")
	forged[len(forged)-1]++
	for name, u := range map[string][]byte{"no update": {1}, "a forged one": forged, "one of another object": pen{wire.ObjectID{1}, p.key, p.session}.sign(1, "x")} {
		if err := check(object, u); kindOf(err) != errs.Refused {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, u := range map[string][]byte{"a good one": p.sign(1, "x"), "a stranger's, who may write by now": stranger.sign(1, "x")} {
		if err := check(object, u); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckedUpdatesAreBounded(t *testing.T) {
	known := newChecked()
	object := wire.ObjectID{1}
	p := pen{object, wire.NewKey([32]byte{1}), wire.SessionID{1}}
	size, last := 0, []byte(nil)
	for seq := wire.Seq(1); size < 3*checkedBytesMax; seq++ {
		u := p.sign(seq, string(make([]byte, 4000)))
		signed, err := update.Parse(u)
		if err != nil {
			t.Fatal(err)
		}
		known.put(u, signed)
		size, last = size+len(u), u
	}
	if known.find(last) == nil || known.find([]byte("other")) != nil {
		t.Error("what was put last is not found, or what never was")
	}
	if n := len(known.young) + len(known.old); n > checkedBytesMax/4000 {
		t.Errorf("%d updates are kept", n)
	}
}

func TestRefusalsAreFinal(t *testing.T) {
	for r := update.ReasonPredicate; r <= update.ReasonDeleted; r++ {
		err := refusal(wire.ObjectID{1}, r)
		if !errors.Is(err, errRefused) {
			t.Errorf("%v is no refusal", r)
		}
		if want := r != update.ReasonBusy; final(err) != want {
			t.Errorf("%v: final %v, want %v", r, !want, want)
		}
	}
}
