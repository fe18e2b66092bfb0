package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/store"
)

// A member of an object's ring that holds its shares denies it: both go to
// others, nothing is missing, and nothing of it comes back.
func TestWhatIsDeniedGoesElsewhere(t *testing.T) {
	c := newClusterOf(t, 10, func(c *Config) { c.Custody.DeadAfter = 10 * time.Second })
	object, ref := c.init(0, 4)
	content := strings.Repeat("not on my disk ", 40_000)
	c.mustPut(0, "home:/file", content)
	members := c.members(0, object)
	denier := members[slices.IndexFunc(members, func(i int) bool { return i != 0 })]
	held := len(c.holds(denier))
	if held == 0 {
		t.Fatal("it holds nothing")
	}
	d, err := c.user(denier).Deny(t.Context(), api.DenyRequest{What: ref, Reason: "a test"})
	if err != nil || d.ID != object.String() || d.Leases < held || d.FreedBytes == 0 || d.Member {
		t.Fatalf("%+v, %v; it held %d extents", d, err, held)
	}
	if left := c.holds(denier); len(left) > 0 {
		t.Errorf("it still holds %v", left)
	}
	witness := c.outside(append(members, 0)...)
	c.until("every share is on others", func() bool {
		r, err := c.user(0).Check(t.Context(), api.CheckRequest{Ref: "home:", Repair: true})
		return err == nil && r.Healthy && !slices.ContainsFunc(r.Extents, func(x api.ExtentReport) bool { return x.Alive < x.N })
	})
	c.mustPut(0, "home:/after", strings.Repeat("nor this ", 40_000))
	if back := c.holds(denier); len(back) > 0 {
		t.Errorf("it took %v", back)
	}
	k, err := c.nodes[witness].ring.latest(t.Context(), object)
	if err != nil || k.verified.Ring.Index(c.nodes[denier].host.Self()) >= 0 || len(k.verified.Ring.Members) != 4 {
		t.Errorf("the ring after it: %v, %v", k.verified.Ring.Members, err)
	}
	// Its own user may read it all the same: that keeps nothing here.
	if got, err := c.get(denier, ref+"/file"); err != nil || got != content {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
}

// Leases of what is denied that a crash has left are dropped without asking
// anybody, by a peer that knows nobody.
func TestWhatIsDeniedIsNotAskedAbout(t *testing.T) {
	c := newCluster(t, 2)
	object, _ := c.init(0, 1)
	c.mustPut(0, "home:/file", strings.Repeat("left over ", 10_000))
	holder := slices.IndexFunc(c.nodes, func(n *Node) bool { return n.shares.Usage().Shares > 0 })
	n := c.nodes[holder]
	d, err := backend{n}.denied(t.Context(), object.String(), false)
	if err != nil {
		t.Fatal(err)
	}
	ended, err := n.shares.Deny(store.Denial{Denied: d})
	if err != nil || len(ended) == 0 {
		t.Fatalf("%d leases, %v", len(ended), err)
	}
	c.stop(1 - holder)
	if err := n.expire(t.Context(), object, ended); err != nil || n.shares.Usage().Shares > 0 {
		t.Errorf("%d shares are left, %v", n.shares.Usage().Shares, err)
	}
	if err := n.joins(wire.ObjectID{}); err != nil {
		t.Errorf("it joins no ring: %v", err)
	}
	if err := n.joins(object); err == nil {
		t.Error("it joins the ring of what it denies")
	}
}
