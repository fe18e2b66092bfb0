package objects

import (
	"context"
	"fmt"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/archive"
)

// countingNodes counts the nodes of the tree that are read.
type countingNodes struct {
	archive.Nodes
	reads int
}

func (c *countingNodes) Node(ctx context.Context, h wire.NodeHash) ([]byte, error) {
	c.reads++
	return c.Nodes.Node(ctx, h)
}

// crowd is a volume with a directory of so many small files, one of which has
// changed since the version before.
type crowd struct {
	*world
	g      *Gateway
	nodes  *countingNodes
	before wire.Version
}

func newCrowd(t *testing.T, files int) *crowd {
	w := newWorld(t, 40)
	g := w.gateway(0)
	tree := make(map[string][]byte)
	for i := range files {
		tree[fmt.Sprintf("%06d", i)] = []byte{byte(i)}
	}
	c, err := g.PutTree(t.Context(), Dest{Place: w.place, Path: "t"}, Condition{}, TreeOptions{}, newTree(tree))
	if err != nil {
		t.Fatal(err)
	}
	w.put(g, "t/000007", []byte("changed"))
	x := &crowd{world: w, g: g, nodes: &countingNodes{Nodes: g.Nodes}, before: c.Version}
	g.Nodes = x.nodes
	return x
}

// reads returns how many nodes something reads.
func (c *crowd) reads(do func(s *Snapshot, root *Entry) error) int {
	c.t.Helper()
	s, root, err := c.g.snapshotOf(c.t.Context(), c.place)
	if err != nil {
		c.t.Fatal(err)
	}
	c.nodes.reads = 0
	if err := do(s, root); err != nil {
		c.t.Fatal(err)
	}
	return c.nodes.reads
}

func (c *crowd) diff(s *Snapshot, root *Entry) error {
	old, err := s.At(c.t.Context(), c.before)
	if err != nil {
		return err
	}
	d, err := Diff(c.t.Context(), old, s, root, root)
	if err == nil && len(d) != 1 {
		err = fmt.Errorf("%d differences", len(d))
	}
	return err
}

func (c *crowd) log(s *Snapshot, root *Entry) error {
	versions := 0
	for _, err := range s.Log(c.t.Context(), root, "t/000007", false) {
		if err != nil {
			return err
		}
		versions++
	}
	if versions != 2 {
		return fmt.Errorf("%d versions", versions)
	}
	c.nodes.reads /= int(c.newest) // it looks at each version
	return nil
}

func (c *crowd) move(*Snapshot, *Entry) error {
	before := c.newest
	_, err := c.g.Move(c.t.Context(), c.place, "t", Dest{Place: c.place, Path: "u"}, Condition{})
	if err == nil && c.newest != before+1 {
		err = fmt.Errorf("it took %d updates", c.newest-before)
	}
	return err
}

// What compares, looks back or renames reads what changed and the way to it, not
// what is there: twenty times as many files may cost one level of the tree more.
func TestDiffLogAndMoveCostWhatChanged(t *testing.T) {
	few, many := newCrowd(t, 400), newCrowd(t, 8000)
	for _, c := range []struct {
		name string
		do   func(*crowd) func(*Snapshot, *Entry) error
	}{
		{"diff", func(c *crowd) func(*Snapshot, *Entry) error { return c.diff }},
		{"log", func(c *crowd) func(*Snapshot, *Entry) error { return c.log }},
		{"mv", func(c *crowd) func(*Snapshot, *Entry) error { return c.move }},
	} {
		a, b := few.reads(c.do(few)), many.reads(c.do(many))
		t.Logf("%s: %d nodes read among 400 files, %d among 8,000", c.name, a, b)
		if b > 3*a+10 {
			t.Errorf("%s reads %d nodes among 8,000 files and %d among 400", c.name, b, a)
		}
	}
}
