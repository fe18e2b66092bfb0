package tree

import (
	"bytes"

	"github.com/atollnet/atoll/internal/wire"
)

// The rule by which items become nodes, as FORMAT.md states it.
const (
	// fillBytes is how much a node takes of a long run of items. The rest of
	// it is room to grow.
	fillBytes = 12 << 10
	// evenBytes is the most that is left at the end of a run and divided
	// between one or two nodes.
	evenBytes = 2 * fillBytes
	// nodeHeadMax is the most bytes of a node's head. The rule counts it for
	// every node, so that no node is too long whatever its head is.
	nodeHeadMax = 1 + 1 + 9 + 3
)

// cut divides items into nodes of a level, all with the same deletion stamp.
// Items that fit one node make one node, however small.
func cut(level uint8, deleted wire.Version, items []item) []*node {
	size := nodeHeadMax
	for i := range items {
		size += items[i].size()
	}
	var nodes []*node
	for size > wire.TreeNodeBytesMax {
		i, taken := fill(items), 0
		if size <= evenBytes {
			i = middle(items, size)
		}
		for _, it := range items[:i] {
			taken += it.size()
		}
		nodes = append(nodes, &node{level: level, deleted: deleted, items: items[:i:i]})
		items, size = items[i:], size-taken
	}
	return append(nodes, &node{level: level, deleted: deleted, items: items})
}

// fill returns how many items from the front make a node of at most fillBytes.
func fill(items []item) int {
	size := nodeHeadMax
	for i := range items {
		if size += items[i].size(); size > fillBytes {
			return i
		}
	}
	return len(items)
}

// middle returns how many items from the front come nearest to half of size,
// fewer if two are as near.
func middle(items []item, size int) int {
	front, half := nodeHeadMax, size/2
	for i := range items {
		next := front + items[i].size()
		if next > half {
			if next-half < half-front {
				return i + 1
			}
			return i
		}
		front = next
	}
	return len(items)
}

// underfull reports whether the item points at a new node that is too small to
// stand beside others.
func (it *item) underfull() bool {
	return it.child != nil && it.child.size() < wire.TreeNodeBytesMin
}

// pointers returns the child pointers of nodes that lie side by side, the first
// of which takes the keys from lo on.
func pointers(lo []byte, nodes []*node) []item {
	items := make([]item, len(nodes))
	for i, n := range nodes {
		key := lo
		switch {
		case len(n.items) == 0:
		case i == 0:
			if first := n.items[0].key; bytes.Compare(first, lo) < 0 {
				key = first
			}
		case n.level == 0:
			key = separator(lastKey(nodes[i-1]), n.items[0].key)
		default:
			key = n.items[0].key
		}
		items[i] = point(key, n)
	}
	return items
}

func lastKey(n *node) []byte { return n.items[len(n.items)-1].key }

// separator returns the shortest prefix of right that is above left.
func separator(left, right []byte) []byte {
	i := 0
	for i < len(left) && left[i] == right[i] {
		i++
	}
	return right[: i+1 : i+1]
}
