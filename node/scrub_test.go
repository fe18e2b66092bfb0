package node

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/store"
)

// damageExtent flips a bit of each share of one extent in a peer's directory,
// and returns the extent and how many shares there were.
func damageExtent(t *testing.T, dir string) (extent wire.ExtentID, shares int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		name, _, isShare := strings.Cut(filepath.Base(path), "-")
		if err != nil || d.IsDir() || !isShare {
			return err
		}
		id, err := wire.ParseExtentID(name)
		if err != nil || shares > 0 && id != extent {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		b[len(b)/3] ^= 8
		extent, shares = id, shares+1
		return os.WriteFile(path, b, 0o600)
	})
	if err != nil || shares == 0 {
		t.Fatalf("no file of a share in %s: %v", dir, err)
	}
	return extent, shares
}

// What a check of the disk finds damaged is known to the custodians before they
// would have asked, also when nobody has checked but the scrub; a peer that does
// not run can be checked too.
func TestDamageOnDiskIsFoundAndTold(t *testing.T) {
	c := newClusterOf(t, 8, func(c *Config) { c.Custody.DeadAfter = 10 * time.Second })
	object, _ := c.init(0, 4)
	c.mustPut(0, "home:/file", strings.Repeat("sand in the disk ", 400_000))
	holder := c.outside(append(c.members(0, object), 0)...)
	extent, shares := damageExtent(t, c.dirs[holder])
	var report api.StoreReport
	var err error
	c.until("a custodian has listed the extents, and hears of the damage", func() bool {
		report, err = c.user(holder).CheckStore(t.Context())
		return err != nil || report.Told > 0
	})
	if err != nil || report.Damaged != shares || report.Told != shares || len(report.List) != shares || report.List[0].Extent != extent.String() || report.Shares < shares {
		t.Fatalf("%+v, %v", report, err)
	}
	before := len(c.holds(holder))
	c.until("the custodians have looked", func() bool {
		settled, err := c.nodes[holder].notifyCustodians(t.Context(), object, false, []wire.ExtentID{extent})
		return err == nil && settled[0]
	})
	if after := len(c.holds(holder)); after != before {
		t.Errorf("%d extents, before %d: a custodian can delete nothing", after, before)
	}
	if _, err := CheckStore(t.Context(), Config{Dir: c.dirs[holder]}); kindOf(err) != errs.Refused {
		t.Errorf("beside a running peer: %v", err)
	}
	c.stop(holder)
	report, err = CheckStore(t.Context(), Config{Dir: c.dirs[holder], QuotaBytes: 1 << 30})
	if err != nil || report.Damaged != shares || report.List[0].Extent != extent.String() {
		t.Errorf("while it does not run: %+v, %v", report, err)
	}
}

func TestTheScrubSpreadsItsReadsOverItsTime(t *testing.T) {
	c := newClusterOf(t, 2, func(c *Config) { c.Custody.ScrubEvery = time.Hour })
	c.init(0, 1)
	c.mustPut(0, "home:/file", strings.Repeat("slowly ", 100_000))
	n := c.nodes[slices.IndexFunc(c.nodes, func(n *Node) bool { return n.shares.Usage().Shares > 0 })]
	var all time.Duration
	err := n.shares.VerifyAll(context.Background(), store.Place{}, func(v store.Verified) error {
		all += n.scrubPause(v.Bytes)
		return v.Err
	})
	if err != nil || all < 59*time.Minute || all > 61*time.Minute {
		t.Errorf("a round takes %v, %v; want an hour", all, err)
	}
}

func TestWhatIsToldIsBounded(t *testing.T) {
	var d damage
	now := time.Unix(1e9, 0)
	for i := range toldMax + 10 {
		d.note(store.Place{Extent: wire.ExtentID{byte(i), byte(i >> 8), byte(i >> 16)}}, now)
	}
	first := store.Place{}
	if len(d.told) != toldMax || d.due(first, now.Add(time.Hour)) || !d.due(first, now.Add(tellAgainEvery)) {
		t.Errorf("%d remembered", len(d.told))
	}
}
