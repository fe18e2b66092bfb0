package node

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// Two people write one tree, each through his own peer, and a ring of four that
// neither is in orders it.
func TestTwoPeopleWriteOneTree(t *testing.T) {
	c := newCluster(t, 7)
	object, _ := c.init(0, 4)
	members := c.members(0, object)
	guest := c.outside(append(members, 0)...)
	me, err := c.user(guest).Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.user(0).Mkdir(t.Context(), api.MkdirRequest{Ref: "home:/both", Mode: 0o755, Until: api.Ordered}); err != nil {
		t.Fatal(err)
	}
	c.mustPut(0, "home:/private", "p")
	shared, err := c.user(0).Share(t.Context(), api.ShareRequest{Ref: "home:/both", Write: me.Author, Until: api.Ordered})
	if err != nil {
		t.Fatal(err)
	}
	c.until("the guest sees the place", func() bool {
		_, err := c.user(guest).AddVolume(t.Context(), api.AddVolumeRequest{Petname: "theirs", Ref: shared.Reference})
		return err == nil || kindOf(err) == errs.Conflict
	})
	c.mustPut(guest, "theirs:/fresh", "fresh")
	if log, err := c.user(0).Log(t.Context(), api.LogRequest{Ref: "home:/both/fresh"}); err != nil || len(log.Versions) != 1 {
		t.Errorf("the log of what somebody else has just put: %+v, %v", log, err)
	}
	for i, content := range []string{"mine", "his", "mine again"} {
		if i%2 == 0 {
			c.mustPut(0, "home:/both/notes", content)
		} else {
			c.mustPut(guest, "theirs:/notes", content)
		}
	}
	log, err := c.user(0).Log(t.Context(), api.LogRequest{Ref: "home:/both/notes"})
	if err != nil {
		t.Fatal(err)
	}
	owner, _ := c.user(0).Identity(t.Context())
	var authors []string
	for _, v := range log.Versions {
		authors = append(authors, v.Author)
	}
	if !slices.Equal(authors, []string{owner.Author, me.Author, owner.Author}) {
		t.Errorf("the log names %v", authors)
	}
	if v, err := c.user(guest).Volumes(t.Context()); err != nil || len(v) != 1 || !v[0].Shared {
		t.Errorf("the guest's volumes: %v, %v", v, err)
	}
	if _, err := c.user(0).Revoke(t.Context(), api.RevokeRequest{Ref: "home:/", Write: me.Author, Until: api.Ordered}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.put(guest, "theirs:/notes", "late"); kindOf(err) != errs.Refused {
		t.Errorf("writing after the right was taken: %v", err)
	}
	if got, err := c.get(guest, "theirs:/notes"); err != nil || got != "mine again" {
		t.Errorf("reading after the right to write was taken: %q, %v", got, err)
	}
	renewed, err := c.user(0).Revoke(t.Context(), api.RevokeRequest{Ref: "home:/both", Until: api.Ordered})
	if err != nil {
		t.Fatal(err)
	}
	c.until("the old reference opens nothing any more", func() bool {
		_, err := c.get(guest, "theirs:/notes")
		return kindOf(err) == errs.NotFound
	})
	if got, err := c.get(guest, renewed.Reference+"/notes"); err != nil || got != "mine again" {
		t.Errorf("by the new reference: %q, %v", got, err)
	}
}

// A person moves to another peer with everything.
func TestKeysMoveToAnotherPeer(t *testing.T) {
	c := newCluster(t, 3)
	c.init(0, 0)
	c.mustPut(0, "home:/a", "one")
	sealed, err := c.user(0).Export(t.Context(), api.ExportRequest{Passphrase: "swordfish"})
	if err != nil {
		t.Fatal(err)
	}
	into := func(i int, passphrase string, keys []byte) (api.Imported, error) {
		return c.user(i).Import(t.Context(), api.ImportRequest{Passphrase: passphrase}, bytes.NewReader(keys))
	}
	if _, err := into(1, "sardine", sealed.Keys); kindOf(err) != errs.Refused {
		t.Errorf("a wrong passphrase: %v", err)
	}
	if _, err := into(1, "swordfish", sealed.Keys[:len(sealed.Keys)-1]); kindOf(err) != errs.Damaged {
		t.Errorf("a file cut short: %v", err)
	}
	done, err := into(1, "swordfish", sealed.Keys)
	if err != nil || !slices.Equal(done.Volumes, []string{"home"}) {
		t.Fatalf("%+v, %v", done, err)
	}
	c.mustPut(1, "home:/b", "two")
	c.stop(1)
	c.start(1)
	if r := c.mustPut(1, "home:/a", "three"); r.Previous != 1 {
		t.Errorf("the version before is %d, want 1", r.Previous)
	}
	if done, err := into(1, "swordfish", sealed.Keys); err != nil || len(done.Volumes) != 0 {
		t.Errorf("the same again: %+v, %v", done, err)
	}
	c.init(2, 0)
	if _, err := into(2, "swordfish", sealed.Keys); kindOf(err) != errs.Conflict {
		t.Errorf("into a peer that serves somebody else: %v", err)
	}
	if _, err := c.user(0).Export(t.Context(), api.ExportRequest{}); kindOf(err) != errs.Usage {
		t.Errorf("without a passphrase: %v", err)
	}
}

// What the genesis says of rights and policy holds before anything was written.
func TestAVolumeIsItsOwnersBeforeTheFirstWrite(t *testing.T) {
	c := newCluster(t, 6)
	_, ref := c.init(0, 4)
	guest, err := c.user(1).Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	writers, err := c.user(2).Writers(t.Context(), api.ReadRequest{Ref: ref})
	if err != nil || len(writers) != 1 || !writers[0].Owner {
		t.Errorf("the first writers, by a stranger: %+v, %v", writers, err)
	}
	r, err := c.user(0).Share(t.Context(), api.ShareRequest{Ref: "home:/", Write: guest.Author, Until: api.Ordered})
	if err != nil || r.Version != 1 {
		t.Fatalf("share: %+v, %v", r, err)
	}
	c.mustPut(1, ref+"/a", "by the guest")

	// An empty volume can be read without its ring, too.
	made, err := c.user(0).Init(t.Context(), api.InitRequest{Petname: "empty", Ring: 4})
	if err != nil {
		t.Fatal(err)
	}
	object, err := wire.ParseObjectID(made.Object)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range c.members(0, object) {
		if m != 0 {
			c.stop(m)
		}
	}
	err = c.user(0).List(t.Context(), api.ListRequest{Ref: "empty:/", Consistency: api.Any}, func(api.Entry) error { return nil })
	if err != nil {
		t.Errorf("reading an empty volume without its ring: %v", err)
	}
}

func TestTheFirstPutIsAsDurableAsItsVolumeWasMade(t *testing.T) {
	c := newCluster(t, 6)
	shares := func(petname string, nines int) int {
		if _, err := c.user(0).Init(t.Context(), api.InitRequest{Petname: petname, Nines: nines}); err != nil {
			t.Fatal(err)
		}
		c.mustPut(0, petname+":/a", strings.Repeat("x", 200_000))
		r, err := c.user(0).Check(t.Context(), api.CheckRequest{Ref: petname + ":/a"})
		if err != nil || len(r.Extents) != 1 {
			t.Fatalf("check: %+v, %v", r, err)
		}
		return r.Extents[0].N
	}
	if usual, more := shares("usual", 0), shares("durable", 30); more <= usual {
		t.Errorf("30 nines: %d shares, by default %d", more, usual)
	}
}
