package node

import (
	"testing"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/node/ringnet"
)

// What a quorum has just said is newest is not asked for again, and what is here
// already needs no question where any version will do.
func TestRoundTripsOfASmallRead(t *testing.T) {
	c := newCluster(t, 6)
	object, ref := c.init(0, 4)
	c.mustPut(0, "home:/a", "hello")
	members, reader := c.stranger(0, object)
	asked := func() (heads, statuses, nodes uint64) {
		calls := c.nodes[reader].calls
		return calls.Asked(ringnet.KindHead), calls.Asked(ringnet.KindStatus), calls.Asked(ringnet.KindNodes)
	}
	if got, err := c.get(reader, ref+"/a"); err != nil || got != "hello" {
		t.Fatal(got, err)
	}
	heads, statuses, nodes := asked()
	if n := uint64(len(members)); heads != 0 || statuses != n || nodes == 0 || nodes > 2 {
		t.Errorf("the first read of a volume of one node asked for %d heads, %d statuses and %d nodes; the ring has %d members", heads, statuses, nodes, n)
	}
	if got, err := c.read(t.Context(), reader, ref+"/a", api.Any); err != nil || got != "hello" {
		t.Fatal(got, err)
	}
	if h, s, n := asked(); h != heads || s != statuses || n != nodes {
		t.Errorf("what is here already asked for %d heads, %d statuses and %d nodes", h-heads, s-statuses, n-nodes)
	}
}
