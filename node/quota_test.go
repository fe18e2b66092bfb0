package node

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/api"
)

// Disks that fill up while what a dead peers held is rebuilt take nothing more;
// the others do, and it is whole again. Full disks go on serving, and give back
// what is released.
func TestDisksFullDuringRepair(t *testing.T) {
	var full [10]atomic.Bool
	next := 0
	c := newClusterOf(t, len(full), func(c *Config) {
		mine := &full[next%len(full)]
		next++
		c.Custody.DeadAfter = 2 * time.Second
		c.diskFree = func(string) (uint64, error) {
			if mine.Load() {
				return 100 << 20, nil
			}
			return 1 << 40, nil
		}
	})
	object, ref := c.init(0, 4)
	content := strings.Repeat("a disk is full sooner than one thinks ", 20_000)
	c.mustPut(0, "home:/file", content)
	members := c.members(0, object)
	dead := []int{members[3], c.outside(append(members, 0)...)}
	var crowded []int
	before := make(map[int]uint64)
	for i := range c.nodes {
		if i != 0 && len(crowded) < 3 && !slices.Contains(append(dead, members...), i) {
			crowded = append(crowded, i)
			full[i].Store(true)
			before[i] = c.nodes[i].shares.Usage().StoredBytes
		}
	}
	for _, i := range dead {
		c.stop(i)
	}
	short := false
	c.until("what the dead held is rebuilt", func() bool {
		report, err := c.user(members[0]).Check(t.Context(), api.CheckRequest{Ref: ref})
		if err != nil {
			return false
		}
		short = short || !report.Healthy
		return report.Healthy && short
	})
	for _, i := range crowded {
		if now := c.nodes[i].shares.Usage().StoredBytes; now > before[i] {
			t.Errorf("peer %d stores %d bytes on a full disk, %d before", i, now, before[i])
		}
	}
	if got, err := c.get(crowded[0], ref+"/file"); err != nil || got != content {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
}
