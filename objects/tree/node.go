package tree

import (
	"bytes"
	"errors"
	"fmt"
	"sort"

	"github.com/atollnet/atoll/internal/wire"
)

// Errors of the package.
var (
	// ErrNode is returned for bytes that are no node, or a node that does not
	// belong where it is pointed at. The tree is damaged or hostile.
	ErrNode = errors.New("bad tree node")
	// ErrLimit is returned for a key or a value beyond the limits of an entry.
	ErrLimit = errors.New("tree entry beyond its limits")
)

// LevelMax is the highest level of a node; leaves are at level 0. An inner node
// has at least seven children, so this is far above any real tree.
const LevelMax = 15

// Node is an encoded node and its name.
type Node struct {
	Hash  wire.NodeHash
	Bytes []byte // the encoding, at most wire.TreeNodeBytesMax bytes
}

// NewNode names an encoded node.
func NewNode(b []byte) Node {
	return Node{wire.NodeHash(wire.Derive(wire.ContextNode, b)), b}
}

// node is a parsed or new node. It is not changed once others can see it.
type node struct {
	level   uint8
	deleted wire.Version // newest version in which something was deleted here
	items   []item       // ascending by key

	// Of a parsed node, which is looked at again each time that it is found in a
	// cache; zero for a new one.
	bytes  int          // of the encoding
	newest wire.Version // of all stamps
}

// item is an entry of a leaf, or a child pointer of an inner node.
type item struct {
	key     []byte       // of an entry; or a lower bound of the child's keys
	value   []byte       // of an entry; or the child's hash
	changed wire.Version // the newest change of the entry, or below the child
	child   *node        // a child not encoded yet; value is empty then
}

// point returns the pointer to a new child.
func point(key []byte, child *node) item {
	return item{key: key, changed: child.changed(), child: child}
}

// changed returns the newest stamp of the node and all that is below.
func (n *node) changed() wire.Version {
	if n.bytes > 0 {
		return n.newest
	}
	newest := n.deleted
	for i := range n.items {
		newest = max(newest, n.items[i].changed)
	}
	return newest
}

// find returns the index of the first item whose key is not below key.
func (n *node) find(key []byte) (i int, exact bool) {
	i = sort.Search(len(n.items), func(i int) bool {
		return bytes.Compare(n.items[i].key, key) >= 0
	})
	return i, i < len(n.items) && bytes.Equal(n.items[i].key, key)
}

// childFor returns the index of the child under which key belongs. Keys below
// the first pointer belong to the first child.
func (n *node) childFor(key []byte) int {
	i, exact := n.find(key)
	if exact || i == 0 {
		return i
	}
	return i - 1
}

// ref is a place in the tree: which node is expected there, and what its keys
// must be.
type ref struct {
	hash    wire.NodeHash
	level   uint8
	changed wire.Version
	lo, hi  []byte // lo ≤ every key < hi; a nil hi is no bound
	root    bool   // level, stamps and least size are the node's own business
}

// child returns the place of child i of n, which itself stands at r.
func (r ref) child(n *node, i int) ref {
	c := ref{
		hash: wire.NodeHash(n.items[i].value), level: n.level - 1,
		changed: n.items[i].changed, lo: n.items[i].key, hi: r.hi,
	}
	if i+1 < len(n.items) {
		c.hi = n.items[i+1].key
	}
	return c
}

// check refuses a node that does not belong at r. A child's level is one less
// than its parent's, so that no walk can go round in a circle.
func (r ref) check(n *node) error {
	first, last := n.items[0].key, n.items[len(n.items)-1].key
	switch {
	case !r.root && n.level != r.level:
		return fmt.Errorf("%w: %v is at level %d, not %d", ErrNode, r.hash, n.level, r.level)
	case !r.root && n.size() < wire.TreeNodeBytesMin:
		return fmt.Errorf("%w: %v has %d bytes, at least %d", ErrNode, r.hash, n.size(), wire.TreeNodeBytesMin)
	case !r.root && n.changed() != r.changed:
		return fmt.Errorf("%w: %v was changed at %d, not %d", ErrNode, r.hash, n.changed(), r.changed)
	case bytes.Compare(first, r.lo) < 0 || r.hi != nil && bytes.Compare(last, r.hi) >= 0:
		return fmt.Errorf("%w: %v holds keys that belong elsewhere", ErrNode, r.hash)
	}
	return nil
}
