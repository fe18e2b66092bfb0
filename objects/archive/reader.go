package archive

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
	"github.com/atollnet/atoll/objects/transfer"
	"github.com/atollnet/atoll/objects/tree"
)

// Nodes is this peer's own store of tree nodes: the ring's where it orders the
// object, a cache elsewhere.
type Nodes interface {
	Node(ctx context.Context, h wire.NodeHash) ([]byte, error)
	Put(nodes []tree.Node) error
}

// Fetcher reads extents; *transfer.Fetcher is one.
type Fetcher interface {
	Manifest(ctx context.Context, s transfer.Source) (*extent.Manifest, error)
	Read(ctx context.Context, s transfer.Source, from, to int, yield func(stripe int, sealed []byte) error) error
}

// Near is asked for nodes that are not in the local store before the archive is:
// members of the object's ring have them at hand.
type Near interface {
	// TreeNodes returns the node of that name, first, and what is likely to be
	// wanted next; names are checked.
	TreeNodes(ctx context.Context, object wire.ObjectID, name wire.NodeHash) ([]tree.Node, error)
}

// Reader is a tree.Source over the local store and, for what is not there, the
// ring's members and the object's archive. What it fetches it keeps, neighbours in the same pack
// included. It may be used from several goroutines.
type Reader struct {
	local  Nodes
	near   Near // nil: nobody
	object wire.ObjectID
	fetch  Fetcher
	hint   Hint

	mu      sync.Mutex // held while fetching: readers that miss wait for the first
	indexes []*index   // by extent of the hint; nil: not read yet
	bad     []error    // by extent of the hint: why its index cannot be had
	far     bool       // the ring's members have been asked in vain
	entries int        // of all indexes
}

// indexEntriesMax bounds the entries of the indexes that a Reader keeps, at
// some 48 bytes each. HintExtentsMax full extents of usual nodes have fewer.
const indexEntriesMax = 1 << 19

// NewReader returns a Reader over an object's archive. A zero hint and no one
// near read the local store alone.
func NewReader(object wire.ObjectID, local Nodes, near Near, fetch Fetcher, hint Hint) *Reader {
	n := len(hint.Extents)
	return &Reader{object: object, local: local, near: near, fetch: fetch, hint: hint, indexes: make([]*index, n), bad: make([]error, n)}
}

// Node returns the encoding of a node, checked against its hash. The error is
// of kind TooFew when it is neither here nor in any archive extent that could
// be read.
func (r *Reader) Node(ctx context.Context, h wire.NodeHash) ([]byte, error) {
	if b, err := r.local.Node(ctx, h); err == nil {
		return b, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if b, err := r.local.Node(ctx, h); err == nil {
		return b, nil // another reader's fetch brought it
	}
	failures := make([]error, 0, 1+len(r.hint.Extents))
	b, err := r.nodeNear(ctx, h)
	if err == nil {
		return b, nil
	}
	failures = append(failures, err)
	for i := range r.hint.Extents {
		b, err := r.nodeFrom(ctx, i, h)
		if err == nil {
			return b, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !errors.Is(err, errNotIndexed) {
			failures = append(failures, err)
		}
	}
	if len(failures) == 1 {
		failures = append(failures, fmt.Errorf("in none of %d archive extents", len(r.hint.Extents)))
	}
	return nil, errs.New("read tree node", h.String(), errs.TooFew, errors.Join(failures...))
}

var errNobodyNear = errors.New("no member of the ring has it at hand")

// nodeNear asks the ring's members, once: if none answers, the archive is what
// is left of the object.
func (r *Reader) nodeNear(ctx context.Context, h wire.NodeHash) ([]byte, error) {
	if r.near == nil || r.far {
		return nil, errNobodyNear
	}
	nodes, err := r.near.TreeNodes(ctx, r.object, h)
	if err == nil && (len(nodes) == 0 || nodes[0].Hash != h) {
		err = errNobodyNear
	}
	if err != nil {
		r.far = ctx.Err() == nil && len(r.hint.Extents) > 0
		return nil, err
	}
	return nodes[0].Bytes, r.local.Put(nodes)
}

var errNotIndexed = errors.New("node is not in this extent")

// nodeFrom looks for a node in the i-th archive extent.
func (r *Reader) nodeFrom(ctx context.Context, i int, h wire.NodeHash) ([]byte, error) {
	x, err := r.indexOf(ctx, i)
	if err != nil {
		return nil, err
	}
	for _, e := range x.Nodes {
		if e.Hash == h {
			return r.fetchPack(ctx, i, *x, int(e.Stripe), h)
		}
	}
	return nil, errNotIndexed
}

// indexOf reads the index of the i-th archive extent once.
func (r *Reader) indexOf(ctx context.Context, i int) (*index, error) {
	if r.indexes[i] != nil || r.bad[i] != nil {
		return r.indexes[i], r.bad[i]
	}
	x, err := r.readIndex(ctx, r.hint.Source(i))
	if err == nil && r.entries+len(x.Nodes) > indexEntriesMax {
		err = fmt.Errorf("%w: more than %d nodes in one archive", ErrIndex, indexEntriesMax)
	}
	if err != nil {
		if ctx.Err() == nil {
			r.bad[i] = err
		}
		return nil, err
	}
	r.indexes[i] = &x
	r.entries += len(x.Nodes)
	return &x, nil
}

func (r *Reader) readIndex(ctx context.Context, s transfer.Source) (x index, err error) {
	m, err := r.fetch.Manifest(ctx, s)
	if err != nil {
		return index{}, err
	}
	stripes := len(m.Stripes)
	err = r.fetch.Read(ctx, s, stripes-1, stripes, func(_ int, b []byte) (err error) {
		x, err = parseIndex(b, stripes)
		return err
	})
	return x, err
}

// fetchPack fetches a stripe, keeps its nodes and returns the one asked for.
func (r *Reader) fetchPack(ctx context.Context, i int, x index, stripe int, h wire.NodeHash) ([]byte, error) {
	var found []byte
	err := r.fetch.Read(ctx, r.hint.Source(i), stripe, stripe+1, func(_ int, pack []byte) error {
		nodes := x.unpack(stripe, pack)
		for _, n := range nodes {
			if n.Hash == h {
				found = append([]byte(nil), n.Bytes...)
			}
		}
		return r.local.Put(nodes)
	})
	if err == nil && found == nil {
		err = fmt.Errorf("%w: node %v is not what its hash says", ErrIndex, h)
	}
	return found, err
}
