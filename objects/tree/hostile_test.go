package tree

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

// filled returns a map of n entries with ascending keys, stamped 1.
func filled(t testing.TB, source *memory, n int) *Map {
	e := Load(source, wire.NodeHash{}).Edit(1)
	for i := range n {
		if err := e.Set(fmt.Appendf(nil, "key/%07d", i), bytes.Repeat([]byte{byte(i)}, 100)); err != nil {
			t.Fatal(err)
		}
	}
	m, _ := source.commit(t, e)
	return m
}

func TestParseRefuses(t *testing.T) {
	leaf := func(items ...any) any { return []any{0, 0, items} }
	entry := func(key string) any { return []any{[]byte(key), []byte("v"), 1} }
	pointer := func(key string) any { return []any{[]byte(key), make([]byte, 32), 1} }
	long := make([]byte, wire.TreeValueBytesMax+1)
	for name, v := range map[string]any{
		"no entries":        leaf(),
		"empty key":         leaf(entry("")),
		"long key":          leaf(entry(string(long[:wire.TreeKeyBytesMax+1]))),
		"long value":        leaf([]any{[]byte("k"), long, 1}),
		"order":             leaf(entry("b"), entry("a")),
		"twice":             leaf(entry("a"), entry("a")),
		"two fields":        leaf([]any{[]byte("a"), []byte("b")}),
		"text":              leaf([]any{"a", []byte("b"), 1}),
		"negative":          leaf([]any{[]byte("a"), []byte("b"), -1}),
		"level":             []any{LevelMax + 1, 0, []any{pointer("a"), pointer("b")}},
		"one child":         []any{1, 0, []any{pointer("a")}},
		"short hash":        []any{1, 0, []any{pointer("a"), []any{[]byte("b"), make([]byte, 31), 1}}},
		"four fields":       []any{0, 0, []any{entry("a")}, 0},
		"an array too long": []any{0, 0, []any{entry("a")}, []any{}},
	} {
		if _, err := parse(wire.Marshal(v)); !errors.Is(err, ErrNode) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good := wire.Marshal(leaf(entry("a")))
	for name, b := range map[string][]byte{
		"nothing": nil, "truncated": good[:len(good)-1], "trailing": append(bytes.Clone(good), 0),
		"long form":    append([]byte{0x83, 0x18, 0}, good[2:]...),
		"huge count":   {0x83, 0, 0, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		"indefinite":   {0x83, 0, 0, 0x9f, 0xff},
		"reserved":     {0x83, 0x1c, 0, 0x80},
		"beyond limit": make([]byte, wire.TreeNodeBytesMax+1),
	} {
		if _, err := parse(b); !errors.Is(err, ErrNode) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := parse(good); err != nil {
		t.Error(err)
	}
}

// FuzzNode checks that what parses is canonical, and that the codec by hand
// writes what the general one does.
func FuzzNode(f *testing.F) {
	source := newMemory()
	filled(f, source, 1000)
	for _, b := range source.nodes {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := parse(b)
		if err != nil {
			return
		}
		if again := n.encode(); !bytes.Equal(again, b) || n.size() != len(b) {
			t.Fatal("does not encode to the same bytes")
		}
		items := make([]any, len(n.items))
		for i, it := range n.items {
			items[i] = []any{it.key, it.value, it.changed}
		}
		if !bytes.Equal(wire.Marshal([]any{n.level, n.deleted, items}), b) {
			t.Fatal("is not canonical CBOR")
		}
	})
}

// TestHostileTrees damages nodes that a verifying source would pass, since the
// attacker names them: whatever the tree is, reading and writing it ends, with
// an error or without.
func TestHostileTrees(t *testing.T) {
	const seed = 7
	t.Logf("seed %d", seed)
	source := newMemory()
	whole := filled(t, source, 20_000)
	var hashes []wire.NodeHash
	for h := range source.nodes {
		hashes = append(hashes, h)
	}
	slices.SortFunc(hashes, func(a, b wire.NodeHash) int { return bytes.Compare(a[:], b[:]) })
	r := rand.New(rand.NewPCG(seed, 0))
	for range 300 {
		h := hashes[r.IntN(len(hashes))]
		if r.IntN(3) == 0 {
			h = whole.root
		}
		good := source.nodes[h]
		source.nodes[h] = damage(r, good, hashes)
		source.reads = 0
		exercise(Load(source, whole.root), r)
		if source.reads > 4*len(hashes) {
			t.Fatalf("%d reads of %d nodes", source.reads, len(hashes))
		}
		source.nodes[h] = good
	}
}

// damage returns another node in the place of b.
func damage(r *rand.Rand, b []byte, hashes []wire.NodeHash) []byte {
	n, err := parse(b)
	if err != nil {
		panic(err)
	}
	n.items = slices.Clone(n.items)
	i := r.IntN(len(n.items))
	it := &n.items[i]
	switch r.IntN(7) {
	case 0:
		b = bytes.Clone(b)
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		return b
	case 1:
		n.level = uint8(r.IntN(LevelMax + 1))
	case 2:
		n.items = n.items[:i]
	case 3:
		it.key = append(bytes.Clone(it.key), 0)
	case 4:
		it.changed += wire.Version(r.IntN(3))
	case 5:
		n.deleted = wire.Version(r.IntN(3))
	case 6:
		h := hashes[r.IntN(len(hashes))]
		it.value = h[:]
	}
	return n.encode()
}

// exercise does everything there is with a map and ignores what comes out.
func exercise(m *Map, r *rand.Rand) {
	for range m.Scan(ctx, nil, nil) {
	}
	key := fmt.Appendf(nil, "key/%07d", r.IntN(20_000))
	_, _, _ = m.Get(ctx, key)
	_, _ = m.ChangedSince(ctx, key, nil, 1)
	e := m.Edit(2)
	_ = e.Set(key, []byte("new"))
	e.DeleteRange(fmt.Appendf(nil, "key/%07d", r.IntN(20_000)), fmt.Appendf(nil, "key/%07d", r.IntN(20_000)))
	root, nodes, err := e.Commit(ctx)
	if err == nil {
		for _, n := range nodes {
			if _, err := parse(n.Bytes); err != nil {
				panic(err)
			}
		}
	}
	for range Diff(ctx, m, m.At(root), nil, nil) {
		break
	}
	for range NewNodes(ctx, m, m.At(wire.NodeHash{})) {
	}
	for range NewNodes(ctx, m.At(wire.NodeHash{}), m) {
	}
}

func TestMissingNode(t *testing.T) {
	source := newMemory()
	m := filled(t, source, 3000)
	for h := range source.nodes {
		if h != m.root {
			delete(source.nodes, h)
		}
	}
	m = Load(source, m.root)
	var last error
	for e, err := range m.Scan(ctx, nil, nil) {
		if err == nil {
			t.Fatalf("entry %q from nowhere", e.Key)
		}
		last = err
	}
	if last == nil {
		t.Fatal("no error")
	}
}

func TestLimits(t *testing.T) {
	e := Load(newMemory(), wire.NodeHash{}).Edit(1)
	for _, c := range []struct {
		key, value int
		want       error
	}{
		{0, 1, ErrLimit}, {1, 0, nil}, {wire.TreeKeyBytesMax, wire.TreeValueBytesMax, nil},
		{wire.TreeKeyBytesMax + 1, 0, ErrLimit}, {1, wire.TreeValueBytesMax + 1, ErrLimit},
	} {
		if err := e.Set(make([]byte, c.key), make([]byte, c.value)); !errors.Is(err, c.want) {
			t.Errorf("key of %d bytes, value of %d: %v", c.key, c.value, err)
		}
	}
}
