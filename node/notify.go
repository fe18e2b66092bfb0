package node

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/transfer"
)

// notifyMax is how long a custodian may take to answer a notice.
const notifyMax = 10 * time.Second

// notifyCustodians tells the custodians of an object what became of this peer's
// shares of extents, and returns for each extent whether this peer is needed for
// it no more. It is an error if none of them has custody of the object, or
// answers.
func (n *Node) notifyCustodians(ctx context.Context, object wire.ObjectID, leaving bool, extents []wire.ExtentID) (settled []bool, err error) {
	k, err := n.ring.find(ctx, object)
	if err != nil {
		return nil, err
	}
	if isDeleted(k.head) {
		return slices.Repeat([]bool{true}, len(extents)), nil
	}
	told, err := n.notifyRing(ctx, object, k, leaving, extents)
	if err == nil || ctx.Err() != nil {
		return told, err
	}
	// The ring that was seen last may be a former one.
	newer, lookupErr := n.ring.lookup(ctx, object)
	if lookupErr != nil || newer.verified.Epoch <= k.verified.Epoch {
		return nil, err
	}
	return n.notifyRing(ctx, object, newer, leaving, extents)
}

// notifyRing tells all members of a ring, each of which keeps its own list: one
// of them moves what is to be moved, and the others find out later. An extent of
// which none knows anything is not referred to any more.
func (n *Node) notifyRing(ctx context.Context, object wire.ObjectID, k known, leaving bool, extents []wire.ExtentID) (settled []bool, err error) {
	peers := n.ring.inOrder(k)
	answers := askAllFor(ctx, notifyMax, peers, func(ctx context.Context, p wire.PeerID) ([]transfer.Need, error) {
		return n.notifyOne(ctx, p, object, leaving, extents)
	})
	heard := false
	var causes []error
	settled = make([]bool, len(extents))
	needed := make([]bool, len(extents))
	for _, a := range answers {
		if a.err != nil {
			causes = append(causes, a.err)
			continue
		}
		heard = true
		for i, need := range a.got {
			settled[i] = settled[i] || need == transfer.Settled
			needed[i] = needed[i] || need == transfer.Needed
		}
	}
	if !heard {
		return nil, errs.New("notify custodians", object.String(), errs.NoQuorum, errors.Join(causes...))
	}
	for i := range settled {
		settled[i] = settled[i] || !needed[i]
	}
	return settled, nil
}

// notifyOne tells one custodian, which may be this peer.
func (n *Node) notifyOne(ctx context.Context, p wire.PeerID, object wire.ObjectID, leaving bool, extents []wire.ExtentID) (all []transfer.Need, err error) {
	for part := range slices.Chunk(extents, transfer.NoticeExtentsMax) {
		notice := transfer.Notice{Object: object, Leaving: leaving, Extents: part}
		var needs []transfer.Need
		if p == n.host.Self() {
			needs, err = n.keeper.Notice(p, notice)
		} else {
			needs, err = transfer.Notify(ctx, network{n.host, n.census.Lost}, p, notice)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, needs...)
	}
	return all, nil
}

// ascending sorts extents, and leaves each in once.
func ascending(extents []wire.ExtentID) []wire.ExtentID {
	slices.SortFunc(extents, func(a, b wire.ExtentID) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(extents)
}
