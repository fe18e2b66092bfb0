package tree

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

var ctx = context.Background()

// memory is a Source that counts what is read.
type memory struct {
	nodes map[wire.NodeHash][]byte
	reads int
}

func newMemory() *memory { return &memory{nodes: map[wire.NodeHash][]byte{}} }

func (m *memory) Node(_ context.Context, h wire.NodeHash) ([]byte, error) {
	m.reads++
	b, ok := m.nodes[h]
	if !ok {
		return nil, fmt.Errorf("no node %v", h)
	}
	return b, nil
}

// commit commits e and stores its nodes.
func (m *memory) commit(t testing.TB, e *Editor) (*Map, []Node) {
	t.Helper()
	root, nodes, err := e.Commit(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range nodes {
		m.nodes[n.Hash] = n.Bytes
	}
	return Load(m, root), nodes
}

// check walks the whole map and fails the test if it breaks a rule.
func check(t testing.TB, m *Map) map[wire.NodeHash]bool {
	t.Helper()
	seen := map[wire.NodeHash]bool{}
	var walk func(r ref)
	walk = func(r ref) {
		n, err := m.load(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		if seen[r.hash] {
			t.Fatalf("node %v is in the tree twice", r.hash)
		}
		seen[r.hash] = true
		if n.level == 0 {
			return
		}
		for i := range n.items {
			walk(r.child(n, i))
		}
	}
	if !m.root.IsZero() {
		walk(m.top())
	}
	return seen
}

// model is what a map should hold, and when each key was last touched.
type model struct {
	entries map[string]modelEntry
	touched map[string]wire.Version // set, changed or deleted
}

type modelEntry struct {
	value   string
	changed wire.Version
}

func (m *model) set(v wire.Version, before map[string]modelEntry, k, value string) {
	if b, ok := before[k]; ok && b.value == value {
		m.entries[k] = b
		return
	}
	m.entries[k] = modelEntry{value, v}
}

func keyOf(r *rand.Rand) []byte {
	// Long shared prefixes, short and long keys, and neighbours.
	switch r.IntN(4) {
	case 0:
		return fmt.Appendf(nil, "b/%08d", r.IntN(4000))
	case 1:
		return append(bytes.Repeat([]byte("x"), r.IntN(wire.TreeKeyBytesMax-8)), fmt.Sprint(r.IntN(100))...)
	default:
		return fmt.Appendf(nil, "d/%d/%d", r.IntN(20), r.IntN(400))
	}
}

func valueOf(r *rand.Rand) []byte {
	n := r.IntN(200)
	if r.IntN(10) == 0 {
		n = r.IntN(wire.TreeValueBytesMax + 1)
	}
	return bytes.Repeat([]byte{byte(r.IntN(256))}, n)
}

// TestModel makes random edits in a tree and in a plain map and compares them
// after every version, in every respect that Reader, Diff and NewNodes have.
func TestModel(t *testing.T) {
	for _, seed := range []uint64{1, 2, 3, 4} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) { modelRun(t, seed, 60) })
	}
}

func modelRun(t *testing.T, seed uint64, versions int) {
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	source := newMemory()
	tree := Load(source, wire.NodeHash{})
	want := &model{map[string]modelEntry{}, map[string]wire.Version{}}
	var history []*Map
	for v := wire.Version(1); v <= wire.Version(versions); v++ {
		before := maps.Clone(want.entries)
		e := tree.Edit(v)
		randomEdits(t, r, e, v, want, before)
		compareReader(t, r, e, want)
		old := tree
		tree, _ = source.commit(t, e)
		touch(v, want, before)
		compareReader(t, r, tree, want)
		compareChanged(t, r, tree, want, v)
		compareDiff(t, r, old, tree, before, want.entries)
		if nodes := check(t, tree); v%8 == 0 {
			compareNewNodes(t, old, tree, check(t, old), nodes)
		}
		history = append(history, tree)
	}
	first := history[0]
	compareNewNodes(t, first, tree, check(t, first), check(t, tree))
}

func touch(v wire.Version, m *model, before map[string]modelEntry) {
	for k, e := range m.entries {
		if e.changed == v {
			m.touched[k] = v
		}
	}
	for k := range before {
		if _, ok := m.entries[k]; !ok {
			m.touched[k] = v
		}
	}
}

func randomEdits(t *testing.T, r *rand.Rand, e *Editor, v wire.Version, m *model, before map[string]modelEntry) {
	target := e
	if r.IntN(2) == 0 {
		target = e.Fork()
	}
	for range r.IntN(400) {
		k := keyOf(r)
		switch r.IntN(12) {
		case 0, 1, 2:
			target.Delete(k)
			delete(m.entries, string(k))
		case 3:
			if r.IntN(8) > 0 {
				continue
			}
			lo, hi := rangeOf(r)
			target.DeleteRange(lo, hi)
			maps.DeleteFunc(m.entries, func(k string, _ modelEntry) bool { return inRange([]byte(k), lo, hi) })
		case 4:
			value := []byte(before[string(k)].value)
			if err := target.Set(k, value); err != nil {
				t.Fatal(err)
			}
			m.set(v, before, string(k), string(value))
		default:
			value := valueOf(r)
			if err := target.Set(k, value); err != nil {
				t.Fatal(err)
			}
			m.set(v, before, string(k), string(value))
		}
	}
	if target != e {
		e.Merge(target)
	}
}

func rangeOf(r *rand.Rand) (lo, hi []byte) {
	lo, hi = keyOf(r), keyOf(r)
	if bytes.Compare(lo, hi) > 0 {
		lo, hi = hi, lo
	}
	switch r.IntN(6) {
	case 0:
		hi = nil
	case 1:
		lo = nil
	case 2:
		hi = append(bytes.Clone(lo), 0)
	}
	return lo, hi
}

func compareReader(t *testing.T, r *rand.Rand, got Reader, want *model) {
	t.Helper()
	for range 20 {
		k := keyOf(r)
		e, ok, err := got.Get(ctx, k)
		w, has := want.entries[string(k)]
		if err != nil || ok != has || ok && string(e.Value) != w.value {
			t.Fatalf("Get(%.40q) = %v %v, want %v", k, ok, err, has)
		}
	}
	lo, hi := rangeOf(r)
	if r.IntN(3) == 0 {
		lo, hi = nil, nil
	}
	var keys []string
	for k := range want.entries {
		if inRange([]byte(k), lo, hi) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	i := 0
	for e, err := range got.Scan(ctx, lo, hi) {
		if err != nil {
			t.Fatal(err)
		}
		if i >= len(keys) || string(e.Key) != keys[i] || string(e.Value) != want.entries[keys[i]].value {
			t.Fatalf("Scan: entry %d is %.40q", i, e.Key)
		}
		if _, committed := got.(*Map); committed && e.Changed != want.entries[keys[i]].changed {
			t.Fatalf("%.40q is stamped %d, want %d", e.Key, e.Changed, want.entries[keys[i]].changed)
		}
		i++
	}
	if i != len(keys) {
		t.Fatalf("Scan: %d entries, want %d", i, len(keys))
	}
}

func compareChanged(t *testing.T, r *rand.Rand, tree *Map, want *model, now wire.Version) {
	t.Helper()
	for range 40 {
		lo, hi := rangeOf(r)
		since := wire.Version(r.IntN(int(now) + 1))
		yes, err := tree.ChangedSince(ctx, lo, hi, since)
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range want.touched {
			if v > since && inRange([]byte(k), lo, hi) && !yes {
				t.Fatalf("no change since %d, but %.40q was touched at %d", since, k, v)
			}
		}
		if e, ok := want.entries[string(lo)]; ok && isOneKey(lo, hi) && yes != (e.changed > since) {
			t.Fatalf("%.40q changed at %d; since %d: %v", lo, e.changed, since, yes)
		}
	}
}

func compareDiff(t *testing.T, r *rand.Rand, old, new *Map, before, after map[string]modelEntry) {
	t.Helper()
	lo, hi := rangeOf(r)
	changed := map[string]bool{}
	for k := range before {
		changed[k] = before[k] != after[k]
	}
	for k, e := range after {
		b, ok := before[k]
		changed[k] = !ok || b != e
	}
	for k := range before {
		if _, ok := after[k]; !ok {
			changed[k] = true
		}
	}
	maps.DeleteFunc(changed, func(k string, yes bool) bool { return !yes || !inRange([]byte(k), lo, hi) })
	var last []byte
	for c, err := range Diff(ctx, old, new, lo, hi) {
		if err != nil {
			t.Fatal(err)
		}
		if !changed[string(c.Key)] || last != nil && bytes.Compare(last, c.Key) >= 0 {
			t.Fatalf("Diff yields %.40q", c.Key)
		}
		_, was := before[string(c.Key)]
		_, is := after[string(c.Key)]
		if was != (c.Old != nil) || is != (c.New != nil) {
			t.Fatalf("Diff has the wrong sides of %.40q", c.Key)
		}
		delete(changed, string(c.Key))
		last = c.Key
	}
	if len(changed) > 0 {
		t.Fatalf("Diff leaves out %d keys", len(changed))
	}
}

func compareNewNodes(t *testing.T, old, new *Map, had, has map[wire.NodeHash]bool) {
	t.Helper()
	got := map[wire.NodeHash]bool{}
	for n, err := range NewNodes(ctx, old, new) {
		if err != nil {
			t.Fatal(err)
		}
		if got[n.Hash] || had[n.Hash] || !has[n.Hash] || NewNode(n.Bytes).Hash != n.Hash {
			t.Fatalf("NewNodes yields %v", n.Hash)
		}
		got[n.Hash] = true
	}
	for h := range has {
		if !had[h] && !got[h] {
			t.Fatalf("NewNodes leaves out %v", h)
		}
	}
}
