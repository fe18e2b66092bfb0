package tree

import (
	"bytes"
	"context"
	"iter"
	"slices"

	"github.com/atollnet/atoll/internal/wire"
)

// Change is a key whose entry differs between two maps. At least one of the
// entries is there.
type Change struct {
	Key      []byte
	Old, New *Entry // nil where the key is absent
}

// Diff yields what differs between two maps in lo ≤ key < hi, in ascending
// order; a nil hi has no end. Entries with the same value and different stamps
// count as different. Time and memory grow with what differs, not with the
// maps: equal subtrees are not read. An error is yielded once and ends it.
func Diff(ctx context.Context, old, new *Map, lo, hi []byte) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		if emptyRange(lo, hi) {
			return
		}
		var a, b []item
		collect := func(into *[]item) visit {
			return func(n *node, _ ref) bool {
				if n.level == 0 {
					from, to := n.overlap(lo, hi)
					*into = append(*into, n.items[from:to]...)
				}
				return true
			}
		}
		err := descend(ctx, &edge{m: old, visit: collect(&a)}, &edge{m: new, visit: collect(&b)}, lo, hi)
		if err != nil {
			yield(Change{}, err)
			return
		}
		for len(a) > 0 || len(b) > 0 {
			var c Change
			c, a, b = next(a, b)
			if !c.same() && !yield(c, nil) {
				return
			}
		}
	}
}

// next takes the first entry of either list, or both if their keys are equal.
func next(a, b []item) (Change, []item, []item) {
	order := 0
	switch {
	case len(b) == 0:
		order = -1
	case len(a) == 0:
		order = 1
	default:
		order = bytes.Compare(a[0].key, b[0].key)
	}
	var c Change
	if order <= 0 {
		e := a[0].entry()
		c.Key, c.Old, a = e.Key, &e, a[1:]
	}
	if order >= 0 {
		e := b[0].entry()
		c.Key, c.New, b = e.Key, &e, b[1:]
	}
	return c, a, b
}

func (c Change) same() bool {
	return c.Old != nil && c.New != nil && c.Old.Changed == c.New.Changed && bytes.Equal(c.Old.Value, c.New.Value)
}

// NewNodes yields the nodes that are reachable from new and not from old,
// parents before their children. Its cost grows with their number. An error is
// yielded once and ends it.
func NewNodes(ctx context.Context, old, new *Map) iter.Seq2[Node, error] {
	return func(yield func(Node, error) bool) {
		nothing := func(*node, ref) bool { return true }
		fresh := func(n *node, r ref) bool { return yield(Node{r.hash, n.encode()}, nil) }
		if err := descend(ctx, &edge{m: old, visit: nothing}, &edge{m: new, visit: fresh}, nil, nil); err != nil {
			yield(Node{}, err)
		}
	}
}

// visit is shown a node and its place, and returns whether to go on.
type visit func(*node, ref) bool

// edge is the nodes of one level of a map that are not in the other map too.
type edge struct {
	m     *Map
	visit visit
	level int   // of the nodes; -1 below the leaves
	refs  []ref // ascending by key
}

// descend walks two maps side by side, level by level down to the leaves, and
// visits the nodes of each that are not in the other. All leaves are at level
// 0, so a node common to both is at the same level in both; and as no key is
// twice in a map, what is below a common node is nowhere else.
func descend(ctx context.Context, old, new *edge, lo, hi []byte) error {
	for _, e := range []*edge{old, new} {
		if err := e.start(ctx); err != nil {
			return err
		}
	}
	for level := max(old.level, new.level); level >= 0; level-- {
		if old.level == new.level {
			cancel(old, new)
		}
		for _, e := range []*edge{old, new} {
			if e.level != level {
				continue
			}
			if more, err := e.down(ctx, lo, hi); !more || err != nil {
				return err
			}
		}
	}
	return nil
}

// start sets the edge to the root.
func (e *edge) start(ctx context.Context) error {
	e.level = -1
	if e.m.root.IsZero() {
		return nil
	}
	n, err := e.m.load(ctx, e.m.top())
	if err != nil {
		return err
	}
	e.level, e.refs = int(n.level), []ref{e.m.top()}
	return nil
}

// down visits the nodes of the edge and moves it to their children.
func (e *edge) down(ctx context.Context, lo, hi []byte) (more bool, err error) {
	var below []ref
	for _, r := range e.refs {
		n, err := e.m.load(ctx, r)
		if err != nil || !e.visit(n, r) {
			return false, err
		}
		if n.level == 0 {
			continue
		}
		from, to := n.overlap(lo, hi)
		for i := from; i < to; i++ {
			below = append(below, r.child(n, i))
		}
	}
	e.level, e.refs = e.level-1, below
	return true, nil
}

// cancel takes out of both edges the nodes that are in both.
func cancel(old, new *edge) {
	common := make(map[wire.NodeHash]bool, len(old.refs))
	for _, r := range old.refs {
		common[r.hash] = false
	}
	for _, r := range new.refs {
		if _, ok := common[r.hash]; ok {
			common[r.hash] = true
		}
	}
	in := func(r ref) bool { return common[r.hash] }
	old.refs = slices.DeleteFunc(old.refs, in)
	new.refs = slices.DeleteFunc(new.refs, in)
}
