package archive

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/transfer"
	"github.com/atollnet/atoll/objects/tree"
)

const (
	// roundBytesMax is how many bytes of nodes one round loads into memory.
	roundBytesMax = 8 << 20
	// mergeBytesMax is the size from which an archive extent is left alone.
	mergeBytesMax = 4 << 20
)

// Uploader stores blocks as one extent on other peers.
type Uploader interface {
	Upload(ctx context.Context, object wire.ObjectID, blocks [][]byte) (transfer.Source, error)
}

// Archiver archives the objects that this peer orders.
//
// Extents are merged as a binary counter adds: a new one takes in those before
// it that are not larger, so that an object of N bytes of nodes has O(log N)
// small archive extents, and a node is written again O(log N) times.
type Archiver struct {
	store  kv.Store
	nodes  Nodes
	upload Uploader

	mu   sync.Mutex
	busy map[wire.ObjectID]*turn // objects being archived, with those who wait
}

// turn lets one caller at a time archive an object.
type turn struct {
	sync.Mutex
	users int
}

// NewArchiver returns an Archiver over the local store.
func NewArchiver(store kv.Store, nodes Nodes, upload Uploader) *Archiver {
	return &Archiver{store: store, nodes: nodes, upload: upload, busy: make(map[wire.ObjectID]*turn)}
}

// Archive stores the nodes of every version committed so far that are not
// archived yet, and returns the hint that leads to all of them. Concurrent
// calls for one object take turns; the later ones find the work done.
func (a *Archiver) Archive(ctx context.Context, object wire.ObjectID) (Hint, error) {
	defer a.enter(object)()
	for {
		if err := ctx.Err(); err != nil {
			return Hint{}, err
		}
		s, more, err := a.round(ctx, object)
		if err != nil {
			return Hint{}, errs.Wrap("archive", object.String(), err)
		}
		if !more {
			return s.hint(), nil
		}
	}
}

func (a *Archiver) enter(object wire.ObjectID) (leave func()) {
	a.mu.Lock()
	t := a.busy[object]
	if t == nil {
		t = new(turn)
		a.busy[object] = t
	}
	t.users++
	a.mu.Unlock()
	t.Lock()
	return func() {
		t.Unlock()
		a.mu.Lock()
		defer a.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(a.busy, object)
		}
	}
}

// round archives some of what is pending. A crash within it loses nothing: the
// pending records go in the transaction that records the new extents.
func (a *Archiver) round(ctx context.Context, object wire.ObjectID) (s state, more bool, err error) {
	w, err := a.plan(ctx, object)
	if err != nil || len(w.versions) == 0 {
		return w.state, false, err
	}
	added, err := a.write(ctx, object, w.nodes)
	if err != nil {
		return state{}, false, err
	}
	s = state{Version: w.versions[len(w.versions)-1], Extents: w.state.Extents[w.merged:]}
	for _, x := range added {
		s.Extents = append([]archived{x.archived}, s.Extents...)
	}
	if len(s.Extents) > HintExtentsMax {
		return state{}, false, fmt.Errorf("%d archive extents, limit %d", len(s.Extents), HintExtentsMax)
	}
	return s, w.more, a.record(object, w, added, s)
}

// work is what one round does.
type work struct {
	state    state
	versions []wire.Version // whose nodes are archived in this round
	merged   int            // how many of the newest extents are written again
	nodes    []tree.Node
	more     bool // something is left for another round
}

func (a *Archiver) plan(ctx context.Context, object wire.ObjectID) (w work, err error) {
	var hashes []wire.NodeHash
	err = a.store.View(func(r kv.Reader) error {
		if w.state, err = loadState(r, object); err != nil {
			return err
		}
		hashes, err = w.takePending(r, object)
		return err
	})
	if err != nil || len(w.versions) == 0 {
		return w, err
	}
	if err := a.loadNodes(ctx, &w, hashes); err != nil {
		return w, err
	}
	return w, a.merge(ctx, object, &w)
}

// takePending chooses the oldest pending versions, some 12 KiB a node.
func (w *work) takePending(r kv.Reader, object wire.ObjectID) (hashes []wire.NodeHash, err error) {
	const nodesMax = roundBytesMax / (12 << 10)
	prefix := key(object, pendingClass)
	err = r.Scan(prefix, nil, false, func(k, b []byte) (bool, error) {
		if len(hashes) >= nodesMax {
			w.more = true
			return false, nil
		}
		var added []wire.NodeHash
		if err := wire.Unmarshal(b, &added, recordBytesMax); err != nil {
			return false, err
		}
		hashes = append(hashes, added...)
		w.versions = append(w.versions, wire.Version(binary.BigEndian.Uint64(k[len(prefix):])))
		return true, nil
	})
	return hashes, err
}

func (a *Archiver) loadNodes(ctx context.Context, w *work, hashes []wire.NodeHash) error {
	for _, h := range hashes {
		b, err := a.nodes.Node(ctx, h)
		if err != nil {
			return errs.New("load tree node", h.String(), errs.Damaged, err)
		}
		w.nodes = append(w.nodes, tree.Node{Hash: h, Bytes: b})
	}
	return nil
}

// merge takes in the newest extents that are not larger than what is there.
func (a *Archiver) merge(ctx context.Context, object wire.ObjectID, w *work) error {
	for _, x := range w.state.Extents {
		if size := size(w.nodes); x.Bytes > size || x.Bytes > mergeBytesMax || size > roundBytesMax {
			return nil
		}
		var hashes []wire.NodeHash
		err := a.store.View(func(r kv.Reader) error { return load(r, key(object, nodesClass, x.ID[:]...), &hashes) })
		if err != nil {
			return err
		}
		if err := a.loadNodes(ctx, w, hashes); err != nil {
			return err
		}
		w.merged++
	}
	return nil
}

func size(nodes []tree.Node) (bytes uint64) {
	for _, n := range nodes {
		bytes += uint64(len(n.Bytes))
	}
	return bytes
}

// written is an extent that a round stored.
type written struct {
	archived
	nodes []wire.NodeHash
}

func (a *Archiver) write(ctx context.Context, object wire.ObjectID, nodes []tree.Node) ([]written, error) {
	var all []written
	for _, l := range lay(nodes) {
		source, err := a.upload.Upload(ctx, object, l.stripes())
		if err != nil {
			return nil, err
		}
		x := written{}
		var bytes uint64
		for _, e := range l.index.Nodes {
			x.nodes = append(x.nodes, e.Hash)
			bytes += uint64(e.Length)
		}
		x.archived = newArchived(source, bytes)
		all = append(all, x)
	}
	return all, nil
}

func (a *Archiver) record(object wire.ObjectID, w work, added []written, s state) error {
	return a.store.Update(func(t kv.Writer) error {
		for _, v := range w.versions {
			if err := t.Delete(key(object, pendingClass, wire.Uint64(uint64(v))...)); err != nil {
				return err
			}
		}
		for _, x := range w.state.Extents[:w.merged] {
			if err := t.Delete(key(object, nodesClass, x.ID[:]...)); err != nil {
				return err
			}
		}
		for _, x := range added {
			if err := t.Set(key(object, nodesClass, x.ID[:]...), wire.Marshal(x.nodes)); err != nil {
				return err
			}
		}
		return t.Set(key(object, stateClass), wire.Marshal(s))
	})
}

// Pending reports whether a version of an object is not archived yet.
func (a *Archiver) Pending(object wire.ObjectID) (pending bool, err error) {
	err = a.store.View(func(r kv.Reader) error {
		return r.Scan(key(object, pendingClass), nil, true, func(_, _ []byte) (bool, error) {
			pending = true
			return false, nil
		})
	})
	return pending, err
}
