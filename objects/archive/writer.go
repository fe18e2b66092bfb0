package archive

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
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
	// Thin reports whether an extent lies on far fewer peers than it would if
	// it were stored now.
	Thin(s transfer.Source) bool
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
	token chan struct{} // held by the one
	users int           // guarded by the Archiver's mu
}

// NewArchiver returns an Archiver over the local store.
func NewArchiver(store kv.Store, nodes Nodes, upload Uploader) *Archiver {
	return &Archiver{store: store, nodes: nodes, upload: upload, busy: make(map[wire.ObjectID]*turn)}
}

// Archive stores the nodes of every version committed so far that are not
// archived yet, and again those that were archived while few peers were known,
// and returns the hint that leads to all of them. Concurrent calls for one
// object take turns; the later ones find the work done.
func (a *Archiver) Archive(ctx context.Context, object wire.ObjectID) (Hint, error) {
	leave, err := a.enter(ctx, object)
	if err != nil {
		return Hint{}, errs.Wrap("archive", object.String(), err)
	}
	defer leave()
	s, err := a.archivePending(ctx, object)
	if err == nil {
		s, err = a.spread(ctx, object, s)
	}
	if err != nil {
		return Hint{}, errs.Wrap("archive", object.String(), err)
	}
	return s.hint(), nil
}

func (a *Archiver) archivePending(ctx context.Context, object wire.ObjectID) (s state, err error) {
	for more := true; more && err == nil; {
		if err = ctx.Err(); err == nil {
			s, more, err = a.round(ctx, object)
		}
	}
	return s, err
}

// spread writes extents that lie on too few peers again: each once in a call,
// for what can be had may still be little.
func (a *Archiver) spread(ctx context.Context, object wire.ObjectID, s state) (state, error) {
	for _, x := range slices.Clone(s.Extents) {
		if !a.upload.Thin(x.source()) {
			continue
		}
		w := work{state: s}
		if err := a.replace(ctx, object, &w, x); err != nil {
			return s, err
		}
		var err error
		if s, err = a.finish(ctx, object, w); err != nil {
			return s, err
		}
	}
	return s, nil
}

// enter waits for the caller's turn.
func (a *Archiver) enter(ctx context.Context, object wire.ObjectID) (leave func(), err error) {
	a.mu.Lock()
	t := a.busy[object]
	if t == nil {
		t = &turn{token: make(chan struct{}, 1)}
		a.busy[object] = t
	}
	t.users++
	a.mu.Unlock()
	forget := func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if t.users--; t.users == 0 {
			delete(a.busy, object)
		}
	}
	select {
	case t.token <- struct{}{}:
		return func() { <-t.token; forget() }, nil
	case <-ctx.Done():
		forget()
		return nil, context.Cause(ctx)
	}
}

// round archives some of what is pending. A crash within it loses nothing: the
// pending records go in the transaction that records the new extents.
func (a *Archiver) round(ctx context.Context, object wire.ObjectID) (s state, more bool, err error) {
	w, err := a.plan(ctx, object)
	if err != nil || len(w.versions) == 0 {
		return w.state, false, err
	}
	s, err = a.finish(ctx, object, w)
	return s, w.more, err
}

// finish stores the nodes of a round and records where they are.
func (a *Archiver) finish(ctx context.Context, object wire.ObjectID, w work) (s state, err error) {
	added, err := a.write(ctx, object, w.nodes)
	if err != nil {
		return w.state, err
	}
	s.Version = w.state.Version
	if n := len(w.versions); n > 0 {
		s.Version = w.versions[n-1]
	}
	for _, x := range slices.Backward(added) {
		s.Extents = append(s.Extents, x.archived)
	}
	s.Extents = append(s.Extents, w.kept()...)
	if len(s.Extents) > HintExtentsMax {
		return w.state, fmt.Errorf("%d archive extents, limit %d", len(s.Extents), HintExtentsMax)
	}
	return s, a.record(object, w, added, s)
}

// work is what one round does.
type work struct {
	state    state
	versions []wire.Version  // whose nodes are archived in this round
	replaced []wire.ExtentID // whose nodes are written again
	nodes    []tree.Node
	more     bool // something is left for another round
}

// kept returns the extents that stay as they are.
func (w *work) kept() []archived {
	return slices.DeleteFunc(slices.Clone(w.state.Extents), func(x archived) bool { return slices.Contains(w.replaced, x.ID) })
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
		if err := a.replace(ctx, object, w, x); err != nil {
			return err
		}
	}
	return nil
}

// replace takes in the nodes of an extent.
func (a *Archiver) replace(ctx context.Context, object wire.ObjectID, w *work, x archived) error {
	var hashes []wire.NodeHash
	err := a.store.View(func(r kv.Reader) error { return load(r, key(object, nodesClass, x.ID[:]...), &hashes) })
	if err != nil {
		return err
	}
	w.replaced = append(w.replaced, x.ID)
	return a.loadNodes(ctx, w, hashes)
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
		for _, id := range w.replaced {
			if err := t.Delete(key(object, nodesClass, id[:]...)); err != nil {
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

// Hint returns what leads to the versions that are archived already.
func (a *Archiver) Hint(object wire.ObjectID) (Hint, error) {
	var s state
	err := a.store.View(func(r kv.Reader) (err error) {
		s, err = loadState(r, object)
		return err
	})
	return s.hint(), errs.Wrap("read archive state", object.String(), err)
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
