package node

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects"
	"github.com/atollnet/atoll/objects/transfer"
)

// of sums what the leases of one object come to at all peers.
func (c *cluster) of(object wire.ObjectID) (bytes uint64) {
	for _, n := range c.nodes {
		if n == nil {
			continue
		}
		_, accounts := n.shares.Accounts(1000)
		for _, a := range accounts {
			if a.Name == object.String() {
				bytes += a.Bytes
			}
		}
	}
	return bytes
}

// A deleted volume leaves all holders, one that was away too; it cannot be read
// at any peer, and neither an old head, nor an update, nor an order of a former
// custodian brings it back. What another volume stores stays.
func TestADeletedVolumeIsGone(t *testing.T) {
	c := newClusterOf(t, 7, func(c *Config) { c.Custody.DeadAfter = 20 * time.Second })
	object, ref := c.init(0, 4)
	_, otherRef := c.initAs(0, api.InitRequest{Petname: "other"})
	content := strings.Repeat("reef ", 50_000)
	c.mustPut(0, "home:/f", content)
	c.mustPut(0, "other:/f", content)
	members := c.members(0, object)
	away := c.outside(append(members, 0)...)
	old, err := c.nodes[members[1]].ring.record(object)
	if err != nil {
		t.Fatal(err)
	}
	c.stop(away)
	d, err := c.user(0).DeleteVolume(t.Context(), api.DeleteVolumeRequest{Ref: "home:"})
	if err != nil || d.Version != 2 || d.Silent != 1 || d.FreedBytes < uint64(len(content)) {
		t.Fatalf("%+v, %v", d, err)
	}
	for i, n := range c.nodes {
		if n == nil {
			continue
		}
		if err := n.sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := c.get(i, ref+"/f"); !errors.Is(err, objects.ErrDeleted) || kindOf(err) != errs.NotFound {
			t.Errorf("read at peer %d: %v", i, err)
		}
	}
	if left := c.of(object); left != 0 {
		t.Errorf("%d bytes of it are left at those who were told", left)
	}
	c.start(away)
	c.meet()
	c.until("the one that was away frees it", func() bool {
		if err := c.nodes[away].sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		return c.of(object) == 0
	})
	for i, n := range c.nodes {
		if k, err := n.ring.take(t.Context(), object, old); err != nil || !isDeleted(k.head) {
			t.Errorf("peer %d believes an old head: %v", i, err)
		}
	}
	if _, err := c.put(0, ref+"/g", "again"); kindOf(err) != errs.NotFound {
		t.Errorf("put again: %v", err)
	}
	if got, err := c.get(3, otherRef+"/f"); err != nil || got != content {
		t.Errorf("another volume: %d bytes, %v", len(got), err)
	}
}

// Holders free nothing for the owner alone, nor for a ring whose owner has said
// nothing, nor for another volume's word.
func TestWhatIsNotDeletedStays(t *testing.T) {
	c := newCluster(t, 5)
	object, _ := c.init(0, 4)
	gone, _ := c.initAs(0, api.InitRequest{Petname: "gone"})
	c.mustPut(0, "home:/f", strings.Repeat("reef ", 50_000))
	c.mustPut(0, "gone:/f", strings.Repeat("sand ", 50_000))
	before := c.of(object)
	live, err := c.nodes[0].ring.find(t.Context(), object)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.user(0).DeleteVolume(t.Context(), api.DeleteVolumeRequest{Ref: "gone:"}); err != nil {
		t.Fatal(err)
	}
	var words [][]byte
	for _, i := range c.members(0, gone) {
		c.until("members keep the word", func() bool {
			kept, found, err := c.nodes[i].ring.archiver.Deleted(gone)
			if err != nil {
				t.Fatal(err)
			}
			if found {
				words = append(words, kept.Word)
			}
			return found
		})
	}
	ended, err := c.nodes[0].ring.find(t.Context(), gone)
	if err != nil {
		t.Fatal(err)
	}
	liveProof, err := bareHead(live)
	if err != nil {
		t.Fatal(err)
	}
	endedProof, err := bareHead(ended)
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range map[string]transfer.Deletion{
		"another's word and proof": {Object: object, Word: words[0], Proof: endedProof},
		"another's word":           {Object: object, Word: words[0], Proof: liveProof},
		"no word":                  {Object: gone, Proof: endedProof},
		"no proof":                 {Object: gone, Word: words[0], Proof: liveProof},
		"neither":                  {Object: object},
	} {
		for i, n := range c.nodes {
			if freed, err := (releasing{n, new(proofs)}).Delete(context.Background(), d); kindOf(err) != errs.Refused || freed != 0 {
				t.Errorf("%s: peer %d frees %d bytes, %v", name, i, freed, err)
			}
		}
	}
	if after := c.of(object); after < before {
		t.Errorf("of %d bytes %d are left", before, after)
	}
}

// Another volume that claims an extent, and is deleted, frees its own leases
// alone.
func TestAnotherVolumesClaimFreesNothing(t *testing.T) {
	c := newCluster(t, 5)
	object, ref := c.init(0, 4)
	content := strings.Repeat("reef ", 50_000)
	c.mustPut(0, "home:/f", content)
	c.age(600)
	before := c.of(object)
	thief, _ := c.initAs(1, api.InitRequest{Petname: "thief", Ring: 4})
	k, err := c.nodes[1].ring.find(t.Context(), thief)
	if err != nil {
		t.Fatal(err)
	}
	proof, err := bareHead(k)
	if err != nil {
		t.Fatal(err)
	}
	claimed := c.claim(c.nodes[1], thief, proof)
	if claimed == 0 || c.of(thief) < before {
		t.Fatalf("%d shares claimed, %d bytes of %d", claimed, c.of(thief), before)
	}
	if _, err := c.user(1).DeleteVolume(t.Context(), api.DeleteVolumeRequest{Ref: "thief:"}); err != nil {
		t.Fatal(err)
	}
	if k, err = c.nodes[1].ring.newest(t.Context(), thief); err != nil {
		t.Fatal(err)
	}
	if proof, err = bareHead(k); err != nil {
		t.Fatal(err)
	}
	member := c.nodes[c.members(1, thief)[0]]
	var word []byte
	c.until("a member keeps the word", func() bool {
		kept, found, err := member.ring.archiver.Deleted(thief)
		word = kept.Word
		return found && err == nil
	})
	for _, n := range c.nodes {
		if _, err := (releasing{n, new(proofs)}).Delete(t.Context(), transfer.Deletion{Object: thief, Word: word, Proof: proof}); err != nil {
			t.Error(err)
		}
	}
	c.age(60)
	if c.of(thief) != 0 || c.of(object) < before {
		t.Errorf("the thief has %d bytes, the other %d of %d", c.of(thief), c.of(object), before)
	}
	if got, err := c.get(3, ref+"/f"); err != nil || got != content {
		t.Errorf("%d bytes, %v", len(got), err)
	}
}

// claim has every peer lease all shares that it holds to an object too.
func (c *cluster) claim(by *Node, object wire.ObjectID, proof []byte) (claimed int) {
	c.t.Helper()
	orders := transfer.Custodian{Network: network{by.host, by.census.Lost}, Key: by.volumes.author()}
	for _, n := range c.nodes {
		ids, err := n.shares.Extents(wire.ExtentID{}, 1000)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, id := range ids {
			m, err := n.shares.Manifest(id)
			if err != nil {
				c.t.Fatal(err)
			}
			indexes, err := n.shares.Indexes(id)
			if err != nil {
				c.t.Fatal(err)
			}
			for _, i := range indexes {
				if _, err := orders.Renew(c.t.Context(), object, n.host.Self(), m, i, 1000, proof); err != nil {
					c.t.Fatal(err)
				}
				claimed++
			}
		}
	}
	return claimed
}
