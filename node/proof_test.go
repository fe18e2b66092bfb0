package node

import (
	"fmt"
	"testing"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// proved checks what a gateway exports as whoever has only the object's name
// does.
func (c *cluster) proved(i int, ref string, object wire.ObjectID) bft.Verified {
	c.t.Helper()
	p, err := c.user(i).Prove(c.t.Context(), api.ProofRequest{Ref: ref})
	if err != nil {
		c.t.Fatalf("proof of %s: %v", ref, err)
	}
	head, err := bft.ParseHead(p.Record)
	if err != nil {
		c.t.Fatal(err)
	}
	v, err := head.Verify(object)
	if err != nil || uint64(v.Decision.Version) != p.Version || len(head.Hint) > 0 {
		c.t.Fatalf("proof of %s: %+v, %v", ref, v, err)
	}
	return v
}

// Every version is proved, whichever ring has certified it.
func TestVersionsAreProvedAcrossRings(t *testing.T) {
	c := newCluster(t, 6)
	object, ref := c.init(0, 4)
	if v := c.proved(0, "home:", object); v.Decision.Version != 0 {
		t.Errorf("before anything is ordered: version %d", v.Decision.Version)
	}
	c.mustPut(0, "home:/a", "one")
	before := c.mustPut(0, "home:/a", "two").Version
	members := c.members(0, object)
	gone := c.nodes[members[3]].host.Self()
	if _, err := c.user(0).ReplaceMember(t.Context(), api.ReplaceRequest{Ref: "home:", Peer: gone.String()}); err != nil {
		t.Fatal(err)
	}
	last := c.mustPut(0, "home:/a", "three").Version
	// Between the two the tree may be archived, by either ring.
	for version, epoch := uint64(1), wire.Epoch(1); version <= last; version++ {
		v := c.proved(0, fmt.Sprintf("home:@%d", version), object)
		if v.Epoch < epoch || v.Epoch > 2 || version <= before && v.Epoch != 1 || version == last && v.Epoch != 2 {
			t.Errorf("version %d was certified in epoch %d", version, v.Epoch)
		}
		epoch = v.Epoch
	}
	outside := c.outside(append(members, 0)...)
	if v := c.proved(outside, ref+"@1", object); v.Decision.Version != 1 {
		t.Errorf("by a stranger: version %d", v.Decision.Version)
	}
	if _, err := c.user(0).Prove(t.Context(), api.ProofRequest{Ref: "home:@99"}); kindOf(err) != errs.NotFound {
		t.Errorf("a version that there is not: %v", err)
	}
}

// What is certified follows from what was signed, from one ring to the next.
func TestTheHistoryIsMadeAgain(t *testing.T) {
	c := newCluster(t, 6)
	object, ref := c.init(0, 4)
	for range 3 {
		c.mustPut(0, "home:/a", "one")
	}
	members := c.members(0, object)
	gone := c.nodes[members[3]].host.Self()
	if _, err := c.user(0).ReplaceMember(t.Context(), api.ReplaceRequest{Ref: "home:", Peer: gone.String()}); err != nil {
		t.Fatal(err)
	}
	last := c.mustPut(0, "home:/a", "two").Version
	for _, reader := range []int{0, c.outside(append(members, 0)...)} {
		at := ref
		if reader == 0 {
			at = "home:"
		}
		report, err := c.user(reader).Check(t.Context(), api.CheckRequest{Ref: at, History: true})
		if err != nil || report.Replayed == nil || report.Replayed.Versions != last || report.Replayed.Updates < int(last) {
			t.Errorf("peer %d: %+v of %d versions, %v", reader, report.Replayed, last, err)
		}
	}
}
