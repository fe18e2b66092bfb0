package objects

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/transfer"
	"github.com/atollnet/atoll/objects/update"
)

// extentsClosing is how many filled extents may wait for their last receipts
// while the next is being filled. With the one being filled it bounds the
// memory of a put.
const extentsClosing = 1

// block is a block on its way: where it lies is known once its extent is
// stored.
type block struct {
	ref update.BlockRef
}

// change is asked of the ring once the blocks added before it are stored. It
// is a function because block references are complete only then; the newest
// version in which an earlier change was applied is handed to it.
type change func(applied wire.Version) update.Clause

// asked is a change with the file that it is about, if that has no name yet.
type asked struct {
	make  change
	grows wire.NodeID // it gets blocks
	names wire.NodeID // it gets a name
}

// group is the blocks that travel in one extent, and the changes that wait for
// it.
type group struct {
	extent  *extentWriter
	blocks  []*block
	changes []asked
	barrier bool          // changes need those of earlier groups to be applied
	stored  chan struct{} // closed when result or err is there
	result  transfer.Stored
	err     error
}

// writer changes one volume. One goroutine hands it blocks and changes in
// order; the blocks go out in extents, and the changes go to the ring in
// updates, in the same order, each after the blocks before it.
type writer struct {
	g      *Gateway
	object wire.ObjectID
	nines  float64 // of durability that are wanted; 0: as everywhere
	ids    nodeIDs

	ctx    context.Context // ends when any part of the writer fails
	parts  *errgroup.Group
	open   *group
	groups chan *group
	// The committer's until finish. An extent goes with the first update that
	// refers to it: the ring keeps none that nothing refers to.
	unsent   map[wire.ExtentID]update.NewExtent
	nameless nameless
	report   Report
}

// Report says what a change of a volume came to.
type Report struct {
	Version   wire.Version // the version that holds all of it; 0: nothing was to be changed
	Bytes     int64        // plaintext taken in
	SentBytes int64        // shares stored on holders
	Missing   int          // shares that found no holder
	Holders   map[wire.PeerID]bool
}

func (g *Gateway) newWriter(ctx context.Context, object wire.ObjectID) *writer {
	parts, ctx := errgroup.WithContext(ctx)
	w := &writer{
		g: g, object: object, ids: nodeIDs{random: g.Random}, ctx: ctx, parts: parts,
		groups: make(chan *group, extentsClosing),
		unsent: make(map[wire.ExtentID]update.NewExtent), nameless: newNameless(),
		report: Report{Holders: make(map[wire.PeerID]bool)},
	}
	w.open = w.newGroup()
	parts.Go(w.commit)
	return w
}

// want says how durable what is written from now on is to be.
func (w *writer) want(nines float64) { w.nines, w.open.extent.nines = nines, nines }

func (w *writer) newGroup() *group {
	return &group{extent: w.g.newExtent(w.object, w.nines), stored: make(chan struct{})}
}

// add sends a sealed block on its way; ref is complete but for its place.
func (w *writer) add(sealed []byte, ref update.BlockRef) (*block, error) {
	b := &block{ref}
	b.ref.Stripe = uint32(len(w.open.blocks))
	w.open.blocks = append(w.open.blocks, b)
	return b, w.open.extent.add(w.ctx, sealed)
}

// then asks for a change after everything added so far.
func (w *writer) then(c change) { w.ask(asked{make: c}) }

// ask is then for a file that has no name yet.
func (w *writer) ask(a asked) { w.open.changes = append(w.open.changes, a) }

// full reports whether the open extent takes no further block, so that roll
// must be called before the next add.
func (w *writer) full() bool { return w.open.extent.full() }

// roll closes the open group and hands it to the committer.
func (w *writer) roll() error {
	closing := w.open
	w.open = w.newGroup()
	w.parts.Go(func() error {
		defer close(closing.stored)
		if len(closing.blocks) > 0 {
			closing.result, closing.err = closing.extent.close(w.ctx)
		}
		return closing.err
	})
	select {
	case w.groups <- closing:
		return nil
	case <-w.ctx.Done():
		return context.Cause(w.ctx)
	}
}

// barrier makes later changes wait until all earlier ones are applied, in an
// update of their own.
func (w *writer) barrier() error {
	if err := w.roll(); err != nil {
		return err
	}
	w.open.barrier = true
	return nil
}

// finish returns when everything is ordered, or with the first error. cause is
// why the caller gives up, if it does: then what is not ordered yet never will
// be.
func (w *writer) finish(cause error) (Report, error) {
	if cause != nil {
		w.parts.Go(func() error { return cause })
		<-w.ctx.Done()
	} else {
		cause = w.roll()
	}
	w.open.extent.abort()
	close(w.groups)
	if err := w.parts.Wait(); err != nil {
		cause = err
	}
	if cause != nil {
		w.dropLeft()
	}
	return w.report, cause
}

// commit turns stored groups into updates, in order.
func (w *writer) commit() error {
	var b batch
	for g := range w.groups {
		select {
		case <-g.stored:
		case <-w.ctx.Done():
			return context.Cause(w.ctx)
		}
		if g.err != nil {
			return g.err
		}
		if err := w.commitGroup(g, &b); err != nil {
			return err
		}
	}
	return w.flush(&b)
}

func (w *writer) commitGroup(g *group, b *batch) error {
	if g.barrier {
		if err := w.flush(b); err != nil {
			return err
		}
	}
	w.place(g)
	for _, a := range g.changes {
		if err := w.gather(b, a); err != nil {
			return err
		}
	}
	return nil
}

// place tells the blocks of a group where they lie.
func (w *writer) place(g *group) {
	if len(g.blocks) == 0 {
		return
	}
	id := g.result.Manifest.ID()
	for _, block := range g.blocks {
		block.ref.Extent = id
	}
	w.unsent[id] = newExtent(g.result)
	for _, r := range g.result.Receipts {
		w.report.Holders[r.Holder] = true
		w.report.SentBytes += int64(r.Bytes)
	}
	w.report.Missing += len(g.result.Missing)
}

// gather adds a change and the extents that it needs to the batch, after having
// the batch ordered if all would not fit in one update.
func (w *writer) gather(b *batch, a asked) error {
	c := a.make(w.report.Version)
	needed, bytes := w.needed(c), len(wire.Marshal(c))
	for _, id := range needed {
		bytes += len(wire.Marshal(w.unsent[id]))
	}
	if b.bytes+bytes > batchBytesMax {
		if err := w.flush(b); err != nil {
			return err
		}
	}
	for _, id := range needed {
		b.extents = append(b.extents, w.unsent[id])
		delete(w.unsent, id)
	}
	c.Predicates = append(slices.Clip(c.Predicates), w.nameless.names(a.names)...)
	w.nameless.ask(a, c)
	b.add(c, bytes)
	return nil
}

// needed returns the extents that a change refers to and that no update has
// brought yet, each once.
func (w *writer) needed(c update.Clause) (ids []wire.ExtentID) {
	for _, a := range c.Actions {
		for _, ref := range a.Blocks {
			if _, unsent := w.unsent[ref.Extent]; unsent && !slices.Contains(ids, ref.Extent) {
				ids = append(ids, ref.Extent)
			}
		}
	}
	return ids
}

func newExtent(s transfer.Stored) update.NewExtent {
	n := update.NewExtent{Manifest: s.Manifest.Encode()}
	for _, r := range s.Receipts {
		n.Receipts = append(n.Receipts, r.Compact())
	}
	return n
}

// flush has the batch ordered and empties it.
func (w *writer) flush(b *batch) error {
	if b.empty() {
		return nil
	}
	ordered, err := w.g.submit(w.ctx, w.object, b)
	w.nameless.ordered(err)
	if err != nil {
		return err
	}
	w.report.Version = ordered.Version
	*b = batch{}
	return nil
}
