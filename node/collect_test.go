package node

import (
	"strings"
	"testing"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
	"github.com/atollnet/atoll/objects/store"
)

// stored sums what all peers store for others.
func (c *cluster) stored() (bytes uint64) {
	for _, n := range c.nodes {
		bytes += n.shares.Usage().StoredBytes
	}
	return bytes
}

// age lets the uptime of all peers pass, and each free what is not leased then.
func (c *cluster) age(seconds uint64) {
	c.t.Helper()
	for _, n := range c.nodes {
		if err := n.shares.Tick(seconds); err != nil {
			c.t.Fatal(err)
		}
		if err := n.sweep(c.t.Context()); err != nil {
			c.t.Fatal(err)
		}
	}
}

// What is removed and pruned leaves the holders; what stays, stays; and what was
// freed can be stored again.
func TestPrunedSharesAreFreed(t *testing.T) {
	c := newCluster(t, 8)
	_, ref := c.init(0, 4)
	kept, gone := strings.Repeat("stays ", 50_000), strings.Repeat("goes soon ", 60_000)
	c.mustPut(0, "home:/kept", kept)
	c.mustPut(0, "home:/gone", gone)
	if _, err := c.user(0).Remove(t.Context(), api.RemoveRequest{Ref: "home:/gone", Until: api.Archived}); err != nil {
		t.Fatal(err)
	}
	c.age(600)
	before := c.stored()
	if out, err := c.user(0).Collect(t.Context(), api.CollectRequest{Ref: "home:"}); err != nil || out.Extents != 0 {
		t.Fatalf("all versions are retained, and %+v, %v", out, err)
	}
	out, err := c.user(0).Prune(t.Context(), api.PruneRequest{Ref: "home:", Retention: api.Retention{Last: 1}})
	if err != nil || out.Collected.Extents != 1 || out.Collected.Silent != 0 || out.Collected.FreedBytes < uint64(len(gone)) {
		t.Fatalf("prune: %+v, %v", out, err)
	}
	c.age(60)
	// The archive of the new versions has come; what the prune said has gone.
	if after := c.stored(); after+out.Collected.FreedBytes/2 > before {
		t.Errorf("%d bytes are stored after the prune, %d before; %d were to be freed", after, before, out.Collected.FreedBytes)
	}
	if got, err := c.get(5, ref+"/kept"); err != nil || got != kept {
		t.Errorf("what stays: %d bytes, %v", len(got), err)
	}
	c.mustPut(0, "home:/gone", gone)
	c.age(600)
	if got, err := c.get(5, ref+"/gone"); err != nil || got != gone {
		t.Errorf("stored again: %d bytes, %v", len(got), err)
	}
}

// A lease that runs out frees nothing that the object still refers to, nor, for
// 30 days, anything of an object that nobody knows. Then it does.
func TestLeasesRunOut(t *testing.T) {
	c := newCluster(t, 4)
	_, ref := c.init(0, 1)
	content := strings.Repeat("corals ", 50_000)
	c.mustPut(0, "home:/f", content)
	before := c.stored()
	c.age(200 * 24 * 3600)
	if after := c.stored(); after < before {
		t.Errorf("of %d bytes in use %d are left", before, after)
	}
	if got, err := c.get(2, ref+"/f"); err != nil || got != content {
		t.Errorf("%d bytes, %v", len(got), err)
	}

	n := c.nodes[3]
	lost := store.Incoming{Object: wire.ObjectID{66}, Author: wire.PublicKey{2}, LeaseSeconds: 100}
	lost.Manifest, lost.Data = oneShare(t)
	if err := n.shares.Put(lost); err != nil {
		t.Fatal(err)
	}
	with := n.shares.Usage().Shares
	for _, step := range []struct {
		seconds uint64
		shares  int
	}{{200, with}, {29 * 24 * 3600, with}, {2 * 24 * 3600, with - 1}} {
		c.age(step.seconds)
		if got := n.shares.Usage().Shares; got != step.shares {
			t.Errorf("%d s later: %d shares, want %d", step.seconds, got, step.shares)
		}
	}
}

// A member of the ring, or anybody with an old word of the owner's, frees
// nothing: what the newest state refers to is not released.
func TestWhatIsReferredToIsNotReleased(t *testing.T) {
	c := newCluster(t, 6)
	object, ref := c.init(0, 4)
	content := strings.Repeat("reef ", 50_000)
	c.mustPut(0, "home:/f", content)
	c.age(600)
	before := c.stored()
	for _, n := range c.nodes {
		ids, err := n.shares.Extents(wire.ExtentID{}, 100)
		if err != nil {
			t.Fatal(err)
		}
		r := releasing{n, new(proofs)}
		c.until("the newest head is found", func() bool {
			bytes, err := r.Release(t.Context(), object, 1, ids)
			if bytes != 0 || err != nil && errs.KindOf(err) != errs.NoQuorum {
				t.Fatalf("%d bytes of %d extents in use were released, %v", bytes, len(ids), err)
			}
			return err == nil
		})
		if _, err := r.Release(t.Context(), object, 1000, ids); errs.KindOf(err) != errs.NoQuorum {
			t.Errorf("released in a version that there is not: %v", err)
		}
	}
	c.age(600)
	if after := c.stored(); after < before {
		t.Errorf("of %d bytes %d are left", before, after)
	}
	if got, err := c.get(5, ref+"/f"); err != nil || got != content {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// oneShare is the only share of an extent of one small block.
func oneShare(t *testing.T) (*extent.Manifest, []byte) {
	t.Helper()
	b, err := extent.NewBuilder(1, 1)
	if err != nil {
		t.Fatal(err)
	}
	_, fragments, err := b.Add(make([]byte, 1000))
	if err != nil {
		t.Fatal(err)
	}
	return b.Manifest(), fragments[0]
}
