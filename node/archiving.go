package node

import (
	"context"
	"errors"
	"time"

	"github.com/atollnet/atoll/dht"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/ringnet"
	"github.com/atollnet/atoll/objects/archive"
	"github.com/atollnet/atoll/objects/transfer"
)

// archiveHedge is how long one member may take to archive before another is
// asked too: longer than it takes to replace a holder that is silent.
const archiveHedge = 8 * time.Second

// Archive returns when the versions up to the newest known here can be read
// without this peer and without the ring: some member has brought the tree to
// other peers and published the head.
func (r *ring) Archive(ctx context.Context, object wire.ObjectID) error {
	k, err := r.find(ctx, object)
	if err != nil {
		return err
	}
	_, _, err = inTurn(ctx, turns{patience: archiveHedge}, r.inOrder(k), errs.TooFew, func(ctx context.Context, m wire.PeerID) (struct{}, error) {
		if m == r.self {
			return struct{}{}, r.archiveHere(ctx, object)
		}
		return struct{}{}, r.archiveAt(ctx, m, object, k)
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return errs.Wrap("archive", object.String(), err)
}

// archiveAt has another member archive. What it says must at least be possible:
// a head of that version or a later one, with a hint that covers it.
func (r *ring) archiveAt(ctx context.Context, m wire.PeerID, object wire.ObjectID, k known) error {
	q := ringnet.Archive{Object: object, Version: k.verified.Decision.Version}
	record, err := ringnet.Ask[ringnet.Record](ctx, r.calls, m, ringnet.KindArchive, q)
	if err != nil {
		return err
	}
	head, verified, err := r.checks.open(object, record.Bytes)
	if err != nil {
		return errs.New("archive", m.String(), errs.TooFew, err)
	}
	hint, err := archive.ParseHint(head.Hint)
	if isDeleted(head) {
		_, err = r.keep(ctx, object, record.Bytes, head, verified)
		return err
	}
	if err != nil || verified.Decision.Version < q.Version || hint.Version < q.Version || len(hint.Extents) == 0 {
		return errs.Newf("archive", m.String(), errs.TooFew, "it says that version %d is archived, and cannot say where", q.Version)
	}
	_, err = r.keep(ctx, object, record.Bytes, head, verified)
	return err
}

// archiveHere brings the tree of an object that this peer orders to other peers,
// and publishes its head.
func (r *ring) archiveHere(ctx context.Context, object wire.ObjectID) error {
	put := r.dht.PrepareHead(ctx, object)
	defer put.Close()
	hint, err := r.settle(ctx, object)
	if err != nil {
		return err
	}
	r.changed(object)
	if r.others() == 0 {
		return nil // there is nobody to tell
	}
	head, here, err := r.rings.Head(object)
	if err != nil || !here {
		return err
	}
	if head.Hint = hint; isDeleted(head) {
		head.Hint = nil // it may have been deleted meanwhile
	}
	value, err := head.Encode()
	if err != nil {
		return err
	}
	needed := headCopies(r.others())
	confirmed, err := put.Put(value, needed)
	if err == nil && confirmed < needed {
		err = errs.Newf("publish head", object.String(), errs.TooFew, "%d peers confirmed it, %d are needed", confirmed, needed)
	}
	if errors.Is(err, dht.ErrOlder) {
		return nil // a later version was archived and published meanwhile
	}
	return err
}

// settle brings what is not archived yet of an object to other peers, and returns
// the hint that leads to it. Of a deleted object there is nothing to bring.
func (r *ring) settle(ctx context.Context, object wire.ObjectID) ([]byte, error) {
	head, here, err := r.rings.Head(object)
	if err == nil && here && isDeleted(head) {
		return nil, r.archiver.Forget(ctx, object)
	}
	hint, err := r.archiver.Archive(ctx, object)
	return hint.Encode(), err
}

// headCopiesMin is how many peers must have confirmed a head record before this
// peer may die. The DHT tries twenty, and waits for half of them.
const headCopiesMin = 4

// headCopies is headCopiesMin, or half of the others where there are few: some
// of them may not serve the DHT.
func headCopies(others int) int { return min(headCopiesMin, (others+1)/2) }

// archives tells where the nodes of an object are archived by now.
func (r *ring) archives(ctx context.Context, object wire.ObjectID) ([]transfer.Source, error) {
	k, err := r.newest(ctx, object)
	if err != nil {
		return nil, err
	}
	var hint archive.Hint
	if k.verified.Ring.Index(r.self) >= 0 {
		if hint, err = r.archiver.Hint(object); err != nil {
			return nil, err
		}
	}
	if len(hint.Extents) == 0 {
		hint = k.export().Hint
	}
	sources := make([]transfer.Source, len(hint.Extents))
	for i := range sources {
		sources[i] = hint.Source(i)
	}
	return sources, nil
}
