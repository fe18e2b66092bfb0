package node

import (
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/census"
)

func TestARingOfFourGoesOnWithoutItsLeader(t *testing.T) {
	c := newCluster(t, 6)
	object, ref := c.init(0, 0)
	members := c.members(0, object)
	if len(members) != 4 {
		t.Fatalf("the ring has the members %v, want four", members)
	}
	for _, m := range members {
		if m == 0 {
			t.Error("the owner's peer is in the ring although there are four others")
		}
	}
	c.mustPut(0, "home:/a", "one")
	outside := c.outside(append(members, 0)...)
	if got, err := c.get(outside, ref+"/a"); err != nil || got != "one" {
		t.Fatalf("read by a stranger to the ring: %q, %v", got, err)
	}

	c.stop(members[0])
	c.mustPut(0, "home:/a", "two")
	c.until("a stranger reads what was written after the leader's death", func() bool { // he may ask a member that lags
		got, err := c.get(outside, ref+"/a")
		if err != nil {
			t.Fatal(err)
		}
		return got == "two"
	})
	c.start(members[0])
	c.mustPut(0, "home:/b", "three")
	c.until("the member that was away has caught up", func() bool {
		own, here, err := c.nodes[members[0]].ring.local(object)
		return err == nil && here && own.verified.Decision.Version == 3
	})
}

func TestWithoutAQuorumWritingStopsAndReadingGoesOn(t *testing.T) {
	c := newCluster(t, 6)
	object, _ := c.init(0, 4)
	c.mustPut(0, "home:/a", "one")
	members := c.members(0, object)
	c.stop(members[0])
	c.stop(members[1])
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_, err := c.user(0).Mkdir(ctx, api.MkdirRequest{Ref: "home:/d", Mode: 0o755, Until: api.Ordered})
	if kindOf(err) != errs.NoQuorum || !strings.Contains(err.Error(), "3 of the ring's 4 members must answer") {
		t.Errorf("without a quorum: %v", err)
	}
	if got, err := c.get(0, "home:/a"); err != nil || got != "one" {
		t.Errorf("reading without a quorum: %q, %v", got, err)
	}
	c.start(members[0])
	c.mustPut(0, "home:/b", "two")
}

func TestAWholeRingThatIsStartedAgainGoesOn(t *testing.T) {
	c := newCluster(t, 5)
	object, _ := c.init(0, 4)
	c.mustPut(0, "home:/a", "one")
	members := c.members(0, object)
	for _, m := range members {
		c.stop(m)
	}
	for _, m := range members {
		c.start(m)
	}
	if r := c.mustPut(0, "home:/a", "two"); r.Version != 2 {
		t.Errorf("the next version is %d, want 2", r.Version)
	}
}

func TestFewPeersMakeASmallerRing(t *testing.T) {
	c := newCluster(t, 3)
	object, ref := c.init(1, 0)
	if members := c.members(1, object); len(members) != 1 {
		t.Errorf("of three peers the ring is %v, want one", members)
	}
	c.mustPut(1, "home:/a", "one")
	if got, err := c.get(2, ref+"/a"); err != nil || got != "one" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := c.user(1).Init(t.Context(), api.InitRequest{Petname: "odd", Ring: 5}); kindOf(err) != errs.Usage {
		t.Errorf("a ring of five: %v", err)
	}
}

func TestWhatTheLeaderArchivedTheOthersTakeOver(t *testing.T) {
	c := newCluster(t, 6)
	object, _ := c.init(0, 4)
	members := c.members(0, object)
	r, err := c.user(0).Put(t.Context(), api.PutRequest{Dest: "home:/a", Mode: 0o644}, strings.NewReader("one"))
	if err != nil || r.State != api.Archived {
		t.Fatalf("put: %v, %v", r.State, err)
	}
	for _, m := range members[1:] {
		n := c.nodes[m]
		c.until("the member has the version", func() bool {
			k, here, err := n.ring.local(object)
			return err == nil && here && k.verified.Decision.Version == 1
		})
		if err := n.archiveSoon(t.Context(), object, 0); err != nil {
			t.Fatal(err)
		}
		if pending, err := n.ring.archiver.Pending(object); pending || err != nil {
			t.Errorf("member %d: pending %v, %v", m, pending, err)
		}
	}
}

// What a leader archived and published is not archived again when it has gone.
func TestWhatADeadLeaderPublishedIsTakenOver(t *testing.T) {
	c := newCluster(t, 7)
	object, _ := c.init(0, 4)
	members := c.members(0, object)
	for _, name := range []string{"a", "b"} { // archived again, they would lie on other holders
		r, err := c.user(0).Put(t.Context(), api.PutRequest{Dest: "home:/" + name, Mode: 0o644}, strings.NewReader(name))
		if err != nil || r.State != api.Archived {
			t.Fatalf("put: %v, %v", r.State, err)
		}
	}
	leader := slices.IndexFunc(members, func(m int) bool {
		pending, err := c.nodes[m].ring.archiver.Pending(object)
		return err == nil && !pending
	})
	if leader < 0 {
		t.Fatal("no member has archived it")
	}
	published, err := c.nodes[members[leader]].ring.archiver.Hint(object)
	if err != nil {
		t.Fatal(err)
	}
	heir := c.nodes[members[(leader+1)%len(members)]] // the next leader, perhaps
	c.until("the heir has the version", func() bool {
		k, here, err := heir.ring.local(object)
		return err == nil && here && k.verified.Decision.Version == 2
	})
	c.stop(members[leader])
	if err := heir.archiveSoon(t.Context(), object, len(members)*archiveTurn); err != nil {
		t.Fatal(err)
	}
	hint, err := heir.ring.archiver.Hint(object)
	if err != nil || !reflect.DeepEqual(hint.Extents, published.Extents) {
		t.Errorf("archived as %v, published was %v, %v", hint, published, err)
	}
}

func TestRingsSpreadOverAddressGroups(t *testing.T) {
	peer := func(i int) wire.PeerID { return wire.PeerID{byte(i)} }
	known := []census.Info{{Peer: peer(1), Group: "a"}, {Peer: peer(2), Group: "a"}, {Peer: peer(3), Group: "b"}, {Peer: peer(4), Group: "c"}, {Peer: peer(5), Group: "a"}}
	order := spread(known, map[wire.PeerID]bool{peer(4): true})
	want := []wire.PeerID{peer(1), peer(3), peer(2), peer(5)}
	if len(order) != len(want) {
		t.Fatalf("%d peers are asked, want %d", len(order), len(want))
	}
	for i := range want {
		if order[i] != want[i] {
			t.Errorf("place %d: peer %d, want %d", i, order[i][0], want[i][0])
		}
	}
	for peers, size := range map[int]int{0: 0, 1: 1, 3: 1, 4: 4, 6: 4, 7: 7, 9: 7, 10: 10, 50: 10} {
		if got := ringSizeWithin(peers); got != size {
			t.Errorf("among %d peers a ring has %d, want %d", peers, got, size)
		}
	}
}

func TestNobodyIsPromisedTooMuch(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	r := newReservations(func() time.Time { return now })
	for i := range reservedPerPeerMax {
		if _, err := r.add(wire.PeerID{1}); err != nil {
			t.Fatalf("key %d: %v", i, err)
		}
	}
	if _, err := r.add(wire.PeerID{1}); kindOf(err) != errs.Full {
		t.Errorf("one more for the same peer: %v", err)
	}
	if _, err := r.add(wire.PeerID{2}); err != nil {
		t.Errorf("another peer: %v", err)
	}
	now = now.Add(2 * reservedTime)
	if _, err := r.add(wire.PeerID{1}); err != nil {
		t.Errorf("after the keys were forgotten: %v", err)
	}
	if len(r.byKey) != 1 || len(r.byPeer) != 1 {
		t.Errorf("%d keys of %d peers are kept, want one", len(r.byKey), len(r.byPeer))
	}
}
