package tree

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/atollnet/atoll/internal/wire"
)

// Commit returns the root of the map with all edits made, and the new nodes,
// children before their parents and from left to right. If nothing changed the
// root is the old one and there are none. It panics on a fork.
func (e *Editor) Commit(ctx context.Context) (wire.NodeHash, []Node, error) {
	m := e.base.(*Map)
	c := committer{ctx, m, e.version}
	points := slices.Collect(e.points.all(nil, nil))
	if m.root.IsZero() {
		return c.plant(points)
	}
	top, err := m.load(ctx, m.top())
	if err != nil {
		return wire.NodeHash{}, nil, err
	}
	old := item{key: top.items[0].key, value: m.root[:], changed: top.changed()}
	items, err := c.apply(m.top(), old, work{points, e.ranges})
	if err != nil {
		return wire.NodeHash{}, nil, err
	}
	if len(items) == 1 && items[0].child == nil {
		return m.root, nil, nil
	}
	return c.crown(top.level, items)
}

// committer makes the edits of one version.
type committer struct {
	ctx     context.Context
	m       *Map
	version wire.Version
}

// work is what is to be done in one range of keys: first the ranges are
// deleted, then the points are set or deleted.
type work struct {
	points []edit
	ranges spans
}

// within returns the part of the work that concerns lo ≤ key < hi.
func (w work) within(lo, hi []byte) work {
	at := func(key []byte) int {
		i, _ := slices.BinarySearchFunc(w.points, key, func(e edit, key []byte) int {
			return bytes.Compare(e.key, key)
		})
		return i
	}
	to := len(w.points)
	if hi != nil {
		to = at(hi)
	}
	return work{w.points[at(lo):to], w.ranges.within(lo, hi)}
}

// plant makes the first entries of an empty map. What was in it before is not
// known any more, so its nodes say that something was deleted just now.
func (c committer) plant(points []edit) (wire.NodeHash, []Node, error) {
	items, _, _ := c.mergeLeaf(nil, work{points: points})
	if len(items) == 0 {
		return wire.NodeHash{}, nil, nil
	}
	return c.crown(0, pointers(items[0].key, cut(0, c.version, items)))
}

// apply does the work below the node at r, which old points at, and returns
// the pointers that take the place of old: old itself if nothing changed,
// nothing if all is gone. Of several, each node has a legal size; a single one
// may be too small, or even empty.
func (c committer) apply(r ref, old item, w work) ([]item, error) {
	n, err := c.m.load(c.ctx, r)
	if err != nil {
		return nil, err
	}
	deleted, changed := false, false
	var items []item
	if n.level == 0 {
		items, deleted, changed = c.mergeLeaf(n.items, w)
	} else {
		items, deleted, changed, err = c.applyChildren(r, n, w)
	}
	if err != nil {
		return nil, err
	}
	if !changed {
		return []item{old}, nil
	}
	stamp := n.deleted
	if deleted {
		stamp = c.version
	}
	return pointers(old.key, cut(n.level, stamp, items)), nil
}

// applyChildren does the work below the children of n and returns the pointers
// that n has then. A child that a range covers is dropped unread.
func (c committer) applyChildren(r ref, n *node, w work) (items []item, deleted, changed bool, err error) {
	for i, old := range n.items {
		place := r.child(n, i)
		mine := w.within(n.lower(i), place.hi)
		switch {
		case len(mine.points) == 0 && len(mine.ranges) == 0:
			items = append(items, old)
			continue
		case len(mine.points) == 0 && mine.ranges[0].covers(place.lo, place.hi):
			deleted, changed = true, true
			continue
		}
		more, err := c.apply(place, old, mine)
		if err != nil {
			return nil, false, false, err
		}
		changed = changed || len(more) != 1 || more[0].child != nil
		items = append(items, more...)
	}
	if !changed {
		return n.items, false, false, nil
	}
	items, err = c.mend(n.level-1, items, r.hi)
	return items, deleted, true, err
}

// lower returns from where on keys belong to child i. The first child takes
// all keys below its own as well.
func (n *node) lower(i int) []byte {
	if i == 0 {
		return nil
	}
	return n.items[i].key
}

// mergeLeaf returns the entries of a leaf after the work, whether any was
// deleted, and whether anything is different at all.
func (c committer) mergeLeaf(old []item, w work) (items []item, deleted, changed bool) {
	points := w.points
	items = make([]item, 0, len(old)+len(points))
	for i := 0; i < len(old) || len(points) > 0; {
		order := compareNext(old[i:], points)
		if order > 0 { // a point at a new key
			if p := points[0]; !p.deleted {
				items = append(items, item{key: p.key, value: p.value, changed: c.version})
				changed = true
			}
			points = points[1:]
			continue
		}
		kept := old[i]
		i++
		gone := w.ranges.has(kept.key)
		if order == 0 {
			p := points[0]
			points = points[1:]
			gone = p.deleted
			if !gone && !bytes.Equal(p.value, kept.value) {
				kept.value, kept.changed = p.value, c.version
				changed = true
			}
		}
		if gone {
			deleted, changed = true, true
			continue
		}
		items = append(items, kept)
	}
	return items, deleted, changed
}

// compareNext says which is the next in order: an item (-1), an edit (1), or
// both at one key (0).
func compareNext(old []item, points []edit) int {
	switch {
	case len(old) == 0:
		return 1
	case len(points) == 0:
		return -1
	}
	return bytes.Compare(old[0].key, points[0].key)
}

// mend joins every new node that is too small with the one on its right, or at
// the end with the one on its left, and divides what is too large then. Items
// are the pointers of one parent at the given level; hi is its upper bound.
func (c committer) mend(level uint8, items []item, hi []byte) ([]item, error) {
	for i := 0; i < len(items) && len(items) > 1; {
		if !items[i].underfull() {
			i++
			continue
		}
		i = min(i, len(items)-2)
		joined, err := c.join(level, items[i:], hi)
		if err != nil {
			return nil, err
		}
		items = slices.Replace(items, i, i+2, joined...)
	}
	return items, nil
}

// join returns the pointers that take the place of the first two.
func (c committer) join(level uint8, items []item, hi []byte) ([]item, error) {
	end := hi
	if len(items) > 2 {
		end = items[2].key
	}
	left, err := c.open(level, items[0], items[1].key)
	if err != nil {
		return nil, err
	}
	right, err := c.open(level, items[1], end)
	if err != nil {
		return nil, err
	}
	all := slices.Concat(left.items, right.items)
	if level > 0 {
		// A node with a single child may have left it too small.
		if all, err = c.mend(level-1, all, end); err != nil {
			return nil, err
		}
	}
	return pointers(items[0].key, cut(level, max(left.deleted, right.deleted), all)), nil
}

// open returns the node that a pointer at the given level leads to.
func (c committer) open(level uint8, it item, hi []byte) (*node, error) {
	if it.child != nil {
		return it.child, nil
	}
	return c.m.load(c.ctx, ref{
		hash: wire.NodeHash(it.value), level: level, changed: it.changed, lo: it.key, hi: hi,
	})
}

// crown puts a root over the pointers of a level, or takes off roots with a
// single child, and encodes all that is new.
func (c committer) crown(level uint8, items []item) (wire.NodeHash, []Node, error) {
	for len(items) > 1 {
		if level++; level > LevelMax {
			return wire.NodeHash{}, nil, fmt.Errorf("%w: more than %d levels", ErrNode, LevelMax+1)
		}
		items = pointers(items[0].key, cut(level, 0, items))
	}
	top := items[0].child
	for top.level > 0 && len(top.items) == 1 {
		below, err := c.open(top.level-1, top.items[0], nil)
		if err != nil {
			return wire.NodeHash{}, nil, err
		}
		// The stamp of the root that goes must stay on every path.
		top = &node{level: below.level, deleted: max(below.deleted, top.deleted), items: below.items}
	}
	if len(top.items) == 0 {
		return wire.NodeHash{}, nil, nil
	}
	var nodes []Node
	root := top.write(&nodes)
	return root, nodes, c.keep(nodes)
}

// keep puts new nodes into the cache as they are when they are read: what the
// editor made them of holds on to more memory than they need.
func (c committer) keep(nodes []Node) error {
	for _, named := range nodes {
		n, err := parse(named.Bytes)
		if err != nil {
			return err
		}
		c.m.cache.put(named.Hash, n)
	}
	return nil
}

// write appends the node and the new ones below it, and returns its name.
func (n *node) write(out *[]Node) wire.NodeHash {
	for i := range n.items {
		if it := &n.items[i]; it.child != nil {
			h := it.child.write(out)
			it.value, it.child = h[:], nil
		}
	}
	named := NewNode(n.encode())
	*out = append(*out, named)
	return named.Hash
}
