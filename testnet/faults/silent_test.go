package faults

import (
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// Bounds on what is done while a third of the peers keep their connections open
// and say nothing. A read asks others at once; a write replaces a silent holder
// of each extent, those of the tree among them, after five seconds.
const (
	silentGetMax = 15 * time.Second
	silentPutMax = 45 * time.Second
)

// thirdPaused reads and writes while a third of the peers hang, the leader of the
// volume's ring among them and none of its other members.
func thirdPaused(t *testing.T, c *cluster) {
	const writer, reader = 0, 6
	content, more := random(4, extentBytes), random(14, 4<<20)
	ref := c.user(writer).put(t, content, "home:/paused").Reference
	paused := c.others(t, c.user(writer).ring(t, "home:"), 3, writer, reader)
	resume := c.pause(t, paused...)
	defer resume()
	get := c.user(reader).reads(t, ref, content)
	put := c.user(writer).start(t, "put", "--json", "-", "home:/meanwhile")
	put.feed(t, more)
	stored := put.end(t)
	meanwhile := stored.stored(t).Reference
	c.user(reader).reads(t, meanwhile, more)
	if get.took > silentGetMax || stored.took > silentPutMax {
		t.Errorf("get took %v, put %v", get.took, stored.took)
	}
	resume()
	c.user(paused[0]).reads(t, meanwhile, more)
}

// others returns n peers, the leader of a ring first and of its other members none,
// and none of those that the test needs; without the leader if it needs that.
func (c *cluster) others(t *testing.T, r api.Ring, n int, needed ...int) (chosen []int) {
	t.Helper()
	for i := range peers {
		id := c.peer(t, i).ID
		switch {
		case slices.Contains(needed, i):
		case id == r.Leader:
			chosen = slices.Insert(chosen, 0, i)
		case !slices.ContainsFunc(r.Members, func(m api.RingMember) bool { return m.Peer == id }):
			chosen = append(chosen, i)
		}
	}
	return chosen[:min(n, len(chosen))]
}

// pause stops peers until the returned function is called, again or not.
func (c *cluster) pause(t *testing.T, peers ...int) (resume func()) {
	t.Helper()
	if err := c.Pause(peers...); err != nil {
		t.Fatal(err)
	}
	return sync.OnceFunc(func() {
		if err := c.Resume(t.Context(), peers...); err != nil {
			t.Error(err)
		}
	})
}

// mostFull leaves room on a few peers only, of which the others do not yet
// know: a put finds them or says that it cannot, and nothing is left that
// cannot be read.
func mostFull(t *testing.T, c *cluster) {
	const writer, reader = 0, 2
	full := []int{3, 4, 5, 6, 7, 8, 9}
	c.kill(t, full...)
	for _, i := range full {
		file := filepath.Join(c.peer(t, i).Dir, "config.toml")
		if err := os.WriteFile(file, []byte("quota = \"1 MiB\"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.start(t, full...)
	content := random(5, 4<<20)
	put := c.user(writer).start(t, "put", "--json", "-", "home:/full")
	put.feed(t, content)
	o := put.end(t)
	o.want(t, 0, errs.TooFew.ExitCode(), errs.Full.ExitCode())
	if o.code != 0 {
		c.user(writer).lacks(t, "home:/full")
		return
	}
	c.user(reader).reads(t, o.stored(t).Reference, content)
}
