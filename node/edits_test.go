package node

import (
	"strconv"
	"strings"
	"testing"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// Every verb that changes the shape of a volume, ordered by a ring of four that
// the user's own peer is not in, one of whose members dies in between.
func TestEditsAreOrderedByARingOfFour(t *testing.T) {
	c := newCluster(t, 6)
	object, ref := c.init(0, 4)
	members := c.members(0, object)
	u := c.user(0)
	must := func(r api.PutResult, err error) uint64 {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return r.Version
	}
	must(u.Mkdir(t.Context(), api.MkdirRequest{Ref: "home:/d/e", Parents: true, Mode: 0o755, Until: api.Ordered}))
	before := c.mustPut(0, "home:/d/e/f", strings.Repeat("one", 5000)).Version
	must(u.Move(t.Context(), api.MoveRequest{From: "home:/d", To: "home:/moved", Until: api.Ordered}))
	c.stop(members[0])
	must(u.Copy(t.Context(), api.CopyRequest{From: "home:/moved", To: "home:/copy", Recursive: true, Until: api.Ordered}))
	c.mustPut(0, "home:/moved/e/f", "two")
	must(u.Remove(t.Context(), api.RemoveRequest{Ref: "home:/copy/e/f", Until: api.Ordered}))

	outside := c.outside(append(members, 0)...)
	d, err := c.user(outside).Diff(t.Context(), api.DiffRequest{Old: ref + "@" + strconv.FormatUint(before, 10), New: ref})
	if err != nil {
		t.Fatal(err)
	}
	var changes []string
	for _, x := range d.Changes {
		changes = append(changes, string(x.Change)+" "+string(x.Path))
	}
	if got, want := strings.Join(changes, ", "), "added /copy, added /copy/e, moved /moved, moved /moved/e/f"; got != want {
		t.Errorf("the difference is\n%s, want\n%s", got, want)
	}

	must(u.Restore(t.Context(), api.RestoreRequest{Ref: "home:/@" + strconv.FormatUint(before, 10), Until: api.Ordered}))
	c.start(members[0])
	c.until("the restored file is read elsewhere", func() bool {
		got, err := c.get(outside, ref+"/d/e/f")
		return err == nil && got == strings.Repeat("one", 5000)
	})
	if _, err := c.get(outside, ref+"/moved/e/f"); kindOf(err) != errs.NotFound {
		t.Errorf("what came since is there after the restore: %v", err)
	}
}
