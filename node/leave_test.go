package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// holds returns the extents of which a peer has shares.
func (c *cluster) holds(i int) []wire.ExtentID {
	c.t.Helper()
	ids, err := c.nodes[i].shares.Extents(wire.ExtentID{}, 1000)
	if err != nil {
		c.t.Fatal(err)
	}
	return ids
}

// A member of a ring that holds shares leaves: both are taken over while it is
// there, and nothing is missing when it is gone.
func TestWhoLeavesIsMissedByNobody(t *testing.T) {
	c := newClusterOf(t, 10, func(c *Config) { c.Custody.DeadAfter = 10 * time.Second })
	object, ref := c.init(0, 4)
	content := strings.Repeat("the tide goes out ", 40_000)
	c.mustPut(0, "home:/file", content)
	members := c.members(0, object)
	leaver := members[slices.IndexFunc(members, func(i int) bool { return i != 0 })]
	n := c.nodes[leaver]
	if len(c.holds(leaver)) == 0 {
		t.Fatal("it holds nothing")
	}
	report, err := c.user(leaver).Leave(t.Context())
	if err != nil || report.SharesLeft+report.RingsLeft > 0 || report.Shares == 0 || report.Rings == 0 {
		t.Fatalf("%+v, %v", report, err)
	}
	if free := n.space().FreeBytes; free != 0 {
		t.Errorf("it offers %d bytes after it has left", free)
	}
	c.stop(leaver)
	witness := c.outside(append(members, 0)...)
	k, err := c.nodes[witness].ring.latest(t.Context(), object)
	if err != nil || k.verified.Ring.Index(n.host.Self()) >= 0 || len(k.verified.Ring.Members) != 4 {
		t.Errorf("the ring after it: %v, %v", k.verified.Ring.Members, err)
	}
	c.until("every share is on others", func() bool {
		r, err := c.user(witness).Check(t.Context(), api.CheckRequest{Ref: ref})
		return err == nil && r.Healthy && !slices.ContainsFunc(r.Extents, func(x api.ExtentReport) bool { return x.Alive < x.N })
	})
	if got, err := c.get(witness, ref+"/file"); err != nil || got != content {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
	c.mustPut(0, "home:/after", "the tide comes in")
}

func TestWhoCannotLeaveStays(t *testing.T) {
	c := newCluster(t, 2)
	c.init(0, 1)
	c.mustPut(0, "home:/file", strings.Repeat("nowhere to go ", 10_000))
	for _, n := range c.nodes {
		n.departure.patience = time.Second
	}
	holder := slices.IndexFunc(c.nodes, func(n *Node) bool { return n.shares.Usage().Shares > 0 })
	report, err := c.user(holder).Leave(t.Context())
	if err != nil || report.SharesLeft == 0 || report.ObjectsLeft == 0 {
		t.Errorf("%+v, %v", report, err)
	}
	if c.nodes[holder].freeBytes() == 0 {
		t.Error("it takes nothing though it stays")
	}
	c.nodes[0].departure.one.Lock()
	if _, err := c.user(0).Leave(t.Context()); kindOf(err) != errs.Conflict {
		t.Errorf("leaving twice at once: %v", err)
	}
	c.nodes[0].departure.one.Unlock()
}
