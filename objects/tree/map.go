package tree

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"sync"

	"github.com/atollnet/atoll/internal/wire"
)

// Source supplies encoded nodes by hash. It has verified that the bytes are
// those that the hash names; it must not change them afterwards.
type Source interface {
	Node(ctx context.Context, h wire.NodeHash) ([]byte, error)
}

// Entry is one key and its value. Both share the memory of a node and must not
// be changed; they stay valid.
type Entry struct {
	Key, Value []byte
	Changed    wire.Version // the version that set this value
}

// Reader is what a Map and an Editor have in common. Ranges are lo ≤ key < hi;
// a nil hi has no end.
type Reader interface {
	// Get returns the entry of a key and whether there is one.
	Get(ctx context.Context, key []byte) (Entry, bool, error)
	// Scan yields the entries of a range in ascending order. An error is
	// yielded once, with a zero entry, and ends it.
	Scan(ctx context.Context, lo, hi []byte) iter.Seq2[Entry, error]
	// ChangedSince reports whether anything in a range was set or deleted
	// after version v. It may say yes where nothing was, never no where
	// something was; of a range of one key that has an entry, it is exact.
	ChangedSince(ctx context.Context, lo, hi []byte, v wire.Version) (bool, error)
}

// Map is one version of a tree, never changed. It is safe for concurrent use.
type Map struct {
	source Source
	root   wire.NodeHash
	cache  *Cache // shared by all versions that At leads to
}

// Load returns the map of a root; the zero root is the empty map. Nodes are
// read from the source as they are needed.
func Load(source Source, root wire.NodeHash) *Map {
	return NewCache(mapCacheNodes).Load(source, root)
}

// Root returns the hash that names the map.
func (m *Map) Root() wire.NodeHash { return m.root }

// At returns the map of another root in the same source.
func (m *Map) At(root wire.NodeHash) *Map { return &Map{m.source, root, m.cache} }

// mapCacheNodes is how many parsed nodes a map of its own keeps: at most 8 MiB,
// and the path to any key several times over.
const mapCacheNodes = 512

// Cache keeps parsed nodes, of any maps, at most wire.TreeNodeBytesMax bytes
// each and their index. What it holds never changes what a map says. It is safe
// for concurrent use.
type Cache struct {
	max   int
	mu    sync.Mutex
	nodes map[wire.NodeHash]*node
}

// NewCache returns a cache of at most so many nodes.
func NewCache(nodes int) *Cache { return &Cache{max: nodes, nodes: make(map[wire.NodeHash]*node)} }

// Load is Load with this cache, which keeps the nodes that are read, and those
// that are committed: whoever makes the next version reads them again.
func (c *Cache) Load(source Source, root wire.NodeHash) *Map { return &Map{source, root, c} }

func (c *Cache) get(h wire.NodeHash) *node {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.nodes[h]
}

func (c *Cache) put(h wire.NodeHash, n *node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.nodes) >= c.max {
		clear(c.nodes) // the paths in use are back after a few reads
	}
	c.nodes[h] = n
}

// load returns the node that stands at r.
func (m *Map) load(ctx context.Context, r ref) (*node, error) {
	n := m.cache.get(r.hash)
	if n == nil {
		b, err := m.source.Node(ctx, r.hash)
		if err != nil {
			return nil, fmt.Errorf("tree node %v: %w", r.hash, err)
		}
		if n, err = parse(b); err != nil {
			return nil, fmt.Errorf("tree node %v: %w", r.hash, err)
		}
		m.cache.put(r.hash, n)
	}
	return n, r.check(n)
}

// top returns the place of the root.
func (m *Map) top() ref { return ref{hash: m.root, root: true} }

// Get implements Reader.
func (m *Map) Get(ctx context.Context, key []byte) (Entry, bool, error) {
	if m.root.IsZero() {
		return Entry{}, false, nil
	}
	for r := m.top(); ; {
		n, err := m.load(ctx, r)
		if err != nil {
			return Entry{}, false, err
		}
		if n.level > 0 {
			r = r.child(n, n.childFor(key))
			continue
		}
		i, ok := n.find(key)
		if !ok {
			return Entry{}, false, nil
		}
		return n.items[i].entry(), true, nil
	}
}

func (it *item) entry() Entry { return Entry{it.key, it.value, it.changed} }

// Scan implements Reader.
func (m *Map) Scan(ctx context.Context, lo, hi []byte) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		if m.root.IsZero() || emptyRange(lo, hi) {
			return
		}
		if _, err := m.scan(ctx, m.top(), lo, hi, yield); err != nil {
			yield(Entry{}, err)
		}
	}
}

// scan yields the entries of the range below r until yield returns false.
func (m *Map) scan(ctx context.Context, r ref, lo, hi []byte, yield func(Entry, error) bool) (more bool, err error) {
	n, err := m.load(ctx, r)
	if err != nil {
		return false, err
	}
	from, to := n.overlap(lo, hi)
	for i := from; i < to; i++ {
		if n.level == 0 {
			more = yield(n.items[i].entry(), nil)
		} else {
			more, err = m.scan(ctx, r.child(n, i), lo, hi, yield)
		}
		if !more || err != nil {
			return false, err
		}
	}
	return true, nil
}

// overlap returns the items [from, to) that are in the range, or whose keys may
// be.
func (n *node) overlap(lo, hi []byte) (from, to int) {
	to = len(n.items)
	if hi != nil {
		to, _ = n.find(hi)
	}
	if n.level > 0 {
		// The first child may hold keys below its pointer's.
		return n.childFor(lo), max(to, 1)
	}
	from, _ = n.find(lo)
	return from, to
}

func emptyRange(lo, hi []byte) bool { return hi != nil && bytes.Compare(lo, hi) >= 0 }

// ChangedSince implements Reader. Of an empty map it says yes: nothing is left
// that could tell.
func (m *Map) ChangedSince(ctx context.Context, lo, hi []byte, v wire.Version) (bool, error) {
	switch {
	case emptyRange(lo, hi):
		return false, nil
	case m.root.IsZero():
		return true, nil
	case isOneKey(lo, hi):
		if e, ok, err := m.Get(ctx, lo); ok || err != nil {
			return e.Changed > v, err
		}
	}
	return m.changedSince(ctx, m.top(), lo, hi, v)
}

// isOneKey reports whether the range holds lo alone.
func isOneKey(lo, hi []byte) bool {
	return len(hi) == len(lo)+1 && hi[len(lo)] == 0 && bytes.HasPrefix(hi, lo)
}

func (m *Map) changedSince(ctx context.Context, r ref, lo, hi []byte, v wire.Version) (bool, error) {
	n, err := m.load(ctx, r)
	if err != nil || n.deleted > v {
		return err == nil, err
	}
	from, to := n.overlap(lo, hi)
	for i := from; i < to; i++ {
		if n.items[i].changed <= v {
			continue
		}
		// A child between two others in the range lies in it as a whole.
		if n.level == 0 || i > from && i < to-1 {
			return true, nil
		}
		if yes, err := m.changedSince(ctx, r.child(n, i), lo, hi, v); yes || err != nil {
			return yes, err
		}
	}
	return false, nil
}
