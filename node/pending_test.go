package node

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// Two people write one tree; one is cut off for a while. What he wrote waits, and
// is ordered when he is back, but for what the other has changed meanwhile.
func TestWhatIsWrittenOfflineWaitsAndOverwritesNothing(t *testing.T) {
	c := newCluster(t, 7)
	object, _ := c.init(0, 4)
	members := c.members(0, object)
	guest := c.outside(append(members, 0)...)
	me, _ := c.user(guest).Identity(t.Context())
	c.mustPut(0, "home:/both", "both")
	c.mustPut(0, "home:/mine", "mine")
	shared, err := c.user(0).Share(t.Context(), api.ShareRequest{Ref: "home:/", Write: me.Author, Until: api.Ordered})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.user(guest).AddVolume(t.Context(), api.AddVolumeRequest{Petname: "theirs", Ref: shared.Reference}); err != nil {
		t.Fatal(err)
	}
	if got, err := c.get(guest, "theirs:/both"); err != nil || got != "both" {
		t.Fatal(got, err)
	}

	// Cut off: nobody of the ring answers.
	for _, m := range members {
		c.stop(m)
	}
	u := c.user(guest)
	now := time.Now()
	put := func(name, content string) api.PutResult {
		t.Helper()
		r, err := u.Put(t.Context(), api.PutRequest{Dest: "theirs:/" + name, Mode: 0o644, ModTime: now}, strings.NewReader(content))
		if err != nil || r.State != api.Pending || r.Pending == 0 {
			t.Fatalf("put %s: %+v, %v", name, r, err)
		}
		return r
	}
	put("both", "first thought")
	put("both", "from the train")
	if r, err := u.Mkdir(t.Context(), api.MkdirRequest{Ref: "theirs:/d", Mode: 0o755}); err != nil || r.State != api.Pending {
		t.Fatalf("%+v, %v", r, err)
	}
	put("d/new", "new")
	if r, err := u.Remove(t.Context(), api.RemoveRequest{Ref: "theirs:/mine"}); err != nil || r.State != api.Pending {
		t.Fatalf("%+v, %v", r, err)
	}
	if waiting, err := u.Pending(t.Context()); err != nil || len(waiting) != 4 || waiting[0].Dest != "theirs:/both" {
		t.Fatalf("%+v, %v", waiting, err)
	}
	c.stop(guest)
	for _, m := range members {
		c.start(m)
	}
	c.mustPut(0, "home:/both", "the owner was faster")
	c.start(guest)
	u = c.user(guest)
	var left []api.PendingChange
	c.until("what can be ordered is", func() bool {
		left, _ = u.Pending(t.Context())
		return len(left) == 1 && left[0].Reason != ""
	})
	if left[0].Dest != "theirs:/both" || !strings.Contains(left[0].Reason, "it changed in version") {
		t.Errorf("kept aside: %+v", left[0])
	}
	for path, want := range map[string]string{"home:/both": "the owner was faster", "home:/d/new": "new"} {
		if got, err := c.get(0, path); err != nil || got != want {
			t.Errorf("%s holds %q, %v, want %q", path, got, err, want)
		}
	}
	if _, err := c.get(0, "home:/mine"); kindOf(err) != errs.NotFound {
		t.Errorf("what was removed: %v", err)
	}
	content, err := u.PendingContent(t.Context(), api.PendingRequest{ID: left[0].ID})
	if err != nil {
		t.Fatal(err)
	}
	defer content.Close()
	if b, err := io.ReadAll(content); err != nil || string(b) != "from the train" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := u.DropPending(t.Context(), api.PendingRequest{ID: left[0].ID}); err != nil {
		t.Error(err)
	}
	if _, err := u.DropPending(t.Context(), api.PendingRequest{ID: left[0].ID}); kindOf(err) != errs.NotFound {
		t.Error(err)
	}
}
