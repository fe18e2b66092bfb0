package tree

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

// TestCosts holds the promises about what is read: a path for a question about
// a range, what differs for a difference, two edges for the end of a range.
func TestCosts(t *testing.T) {
	source := newMemory()
	m := filled(t, source, 100_000)
	all := len(source.nodes)
	key := func(i int) []byte { return fmt.Appendf(nil, "key/%07d", i) }
	e := m.Edit(2)
	for _, i := range []int{10, 50_000, 99_999} {
		if err := e.Set(key(i), []byte("new")); err != nil {
			t.Fatal(err)
		}
	}
	next, _ := source.commit(t, e)
	var levels int
	if top, err := m.load(ctx, m.top()); err == nil {
		levels = int(top.level) + 1
	}
	for _, c := range []struct {
		name  string
		reads int
		do    func(old, new *Map) error
	}{
		{"get", levels, func(_, m *Map) error {
			_, _, err := m.Get(ctx, key(777))
			return err
		}},
		{"unchanged range", 2 * levels, func(_, m *Map) error {
			yes, err := m.ChangedSince(ctx, key(1000), key(49_000), 1)
			if yes {
				t.Error("a range that has not changed has changed")
			}
			return err
		}},
		{"diff", 2 * 3 * levels, func(old, m *Map) error {
			n := 0
			for range Diff(ctx, old, m, nil, nil) {
				n++
			}
			if n != 3 {
				t.Errorf("%d changes, want 3", n)
			}
			return nil
		}},
		{"new nodes", 2 * 3 * levels, func(old, m *Map) error {
			for _, err := range NewNodes(ctx, old, m) {
				if err != nil {
					return err
				}
			}
			return nil
		}},
		{"delete range", 6 * levels, func(_, m *Map) error {
			e := m.Edit(3)
			e.DeleteRange(key(1000), key(90_000))
			_, _, err := e.Commit(ctx)
			return err
		}},
	} {
		old, new := Load(source, m.root), Load(source, next.root)
		source.reads = 0
		if err := c.do(old, new); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if source.reads > c.reads {
			t.Errorf("%s reads %d of %d nodes, at most %d", c.name, source.reads, all, c.reads)
		}
	}
}

// TestOrderOfEdits: the root depends on what the edits come to, not on their
// order or on what was undone.
func TestOrderOfEdits(t *testing.T) {
	source := newMemory()
	m := filled(t, source, 5000)
	var want wire.NodeHash
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 0))
		e := m.Edit(2)
		for _, i := range r.Perm(2000) {
			k := fmt.Appendf(nil, "key/%07d", 3*i)
			if r.IntN(2) == 0 {
				e.Delete(k)
			}
			if err := e.Set(k, fmt.Append(nil, i)); err != nil {
				t.Fatal(err)
			}
		}
		root, _, err := e.Commit(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if seed == 0 {
			want = root
		}
		if root != want {
			t.Fatalf("seed %d: another root", seed)
		}
	}
}

// TestNothingChanged: edits that come to nothing leave the root, stamps
// included, and write nothing.
func TestNothingChanged(t *testing.T) {
	source := newMemory()
	m := filled(t, source, 5000)
	e := m.Edit(2)
	first, _, err := m.Get(ctx, []byte("key/0000000"))
	if err != nil {
		t.Fatal(err)
	}
	e.DeleteRange([]byte("key/0000000"), []byte("key/0000001"))
	if err := e.Set(first.Key, first.Value); err != nil {
		t.Fatal(err)
	}
	e.Delete([]byte("nowhere"))
	e.DeleteRange([]byte("y"), nil)
	root, nodes, err := e.Commit(ctx)
	if err != nil || root != m.Root() || len(nodes) > 0 {
		t.Fatalf("root %v with %d nodes, %v", root, len(nodes), err)
	}
}

// TestCacheBound fills the table of parsed nodes.
func TestCacheBound(t *testing.T) {
	source := newMemory()
	m := Load(source, filled(t, source, 100_000).root)
	for _, err := range m.Scan(ctx, nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(source.nodes) <= mapCacheNodes || len(m.cache.nodes) > mapCacheNodes {
		t.Fatalf("%d of %d nodes kept", len(m.cache.nodes), len(source.nodes))
	}
}

func BenchmarkGet(b *testing.B) {
	source := newMemory()
	m := Load(source, filled(b, source, 100_000).root)
	for i := 0; b.Loop(); i++ {
		if _, ok, err := m.Get(ctx, fmt.Appendf(nil, "key/%07d", i*7919%100_000)); !ok || err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCommit100(b *testing.B) {
	source := newMemory()
	m := Load(source, filled(b, source, 100_000).root)
	for i := 0; b.Loop(); i++ {
		e := m.Edit(2)
		for j := range 100 {
			if err := e.Set(fmt.Appendf(nil, "key/%07d", (i+j*7919)%100_000), []byte("new")); err != nil {
				b.Fatal(err)
			}
		}
		if _, _, err := e.Commit(ctx); err != nil {
			b.Fatal(err)
		}
	}
}
