package objects

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/transfer"
	"github.com/atollnet/atoll/objects/update"
)

// ErrDeleted: the object's owner has deleted it, and its ring has ordered that.
// It is final.
var ErrDeleted = errors.New(update.DeletedText)

// Deleted is what became of a Delete.
type Deleted struct {
	Version wire.Version
	Word    []byte        // the owner's signed update, which holders are to be shown
	Holders []wire.PeerID // who took shares when they were written, as far as could be read
}

// Delete deletes an object, all versions of it, for good. Holders keep what they
// have until they learn of it. Only the owner may; the error is of kind Refused
// for others, and matches ErrDeleted if it is deleted already.
func (g *Gateway) Delete(ctx context.Context, object wire.ObjectID) (d Deleted, err error) {
	head, err := g.Ring.Head(ctx, object)
	if err != nil {
		return d, err
	}
	if update.IsDeleted(head.Root) {
		return d, errs.New("delete volume", object.String(), errs.NotFound, ErrDeleted)
	}
	// What cannot be read any more can be deleted all the same.
	if d.Holders, err = g.firstHolders(ctx, object, head); err != nil {
		g.Log.Info("who holds what is deleted", "object", object.String(), "error", err)
	}
	if ctx.Err() != nil {
		return d, context.Cause(ctx)
	}
	b := batch{clause: update.Clause{Actions: []update.Action{update.DeleteObject()}}}
	ordered, word, err := g.submitSigned(ctx, object, &b)
	d.Version, d.Word = ordered.Version, word
	return d, errs.Wrap("delete volume", object.String(), err)
}

// firstHolders lists who took shares of an object's extents when they were
// written.
func (g *Gateway) firstHolders(ctx context.Context, object wire.ObjectID, head Head) (holders []wire.PeerID, err error) {
	seen := make(map[wire.PeerID]bool)
	err = g.ExtentsAt(ctx, object, head, func(source transfer.Source, _, _ int) error {
		for _, h := range source.Holders {
			if !seen[h.Peer] {
				seen[h.Peer] = true
				holders = append(holders, h.Peer)
			}
		}
		return nil
	})
	slices.SortFunc(holders, func(a, b wire.PeerID) int { return bytes.Compare(a[:], b[:]) })
	return holders, err
}
