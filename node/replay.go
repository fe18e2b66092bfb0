package node

import (
	"context"
	"errors"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/ringnet"
	"github.com/atollnet/atoll/objects/replay"
	"github.com/atollnet/atoll/objects/tree"
)

// replay makes the history of an object again up to a version, from updates that
// whoever is or was in its rings gives. Errors: of kind Damaged if the rings have
// certified something else; NotFound if nobody has all of it.
func (r *ring) replay(ctx context.Context, object wire.ObjectID, last wire.Version, source tree.Source) (*api.Replayed, error) {
	k, err := r.find(ctx, object)
	if err != nil {
		return nil, err
	}
	past, err := replay.New(k.head, source)
	if err != nil {
		return nil, errs.New("replay history", object.String(), errs.Damaged, err)
	}
	for v, _ := past.Version(); v < last; v, _ = past.Version() {
		count := min(uint64(last-v), ringnet.VersionsMax)
		list, err := r.history(ctx, object, k, ringnet.Versions{Object: object, From: v + 1, Count: count, Batches: true})
		if err != nil {
			return nil, err
		}
		for _, got := range list {
			if err := past.Next(ctx, got.Certificate, *got.Batch); err != nil {
				return nil, replayError(object, err)
			}
		}
		v, _ := past.Version()
		api.Report(ctx, api.Progress{Phase: "replaying", Done: int64(v), Total: int64(last), Unit: "versions"})
	}
	return &api.Replayed{Versions: uint64(last), Updates: past.Updates()}, nil
}

func replayError(object wire.ObjectID, err error) error {
	const op = "replay history"
	switch {
	case errors.Is(err, replay.ErrHistory):
		return errs.Hint(errs.New(op, object.String(), errs.Damaged, err),
			"what was certified is not what was signed: more members of a ring have lied than may, or the one that gave this version has; ask again, and ask the owner before you go on")
	case errors.Is(err, replay.ErrRing):
		return errs.New(op, object.String(), errs.NotFound, err)
	}
	return errs.Wrap(op, object.String(), err)
}
