package node

import (
	"context"
	"errors"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/bft/runner"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/tree"
	"github.com/atollnet/atoll/objects/update"
)

const (
	// admittedMax is how many updates are kept parsed and checked until they are
	// executed, and admittedBytesMax the largest that is: a large one costs less
	// to check again, for each of its bytes, than to keep.
	admittedMax      = 1024
	admittedBytesMax = 16 << 10
	// admissionGrace is how long an author whom this member does not know waits
	// for the version that lets him write: he may have heard of it first.
	admissionGrace = 300 * time.Millisecond
)

// admission keeps updates of which no ring has any use out of the histories of
// the objects that this peer orders.
type admission struct {
	cache    *tree.Cache
	source   func(wire.ObjectID) tree.Source
	admitted *lru.Cache[wire.Hash, *update.Signed] // by bft.RequestID; verified, and not written to any more
}

func newAdmission(cache *tree.Cache, source func(wire.ObjectID) tree.Source) admission {
	admitted, err := lru.New[wire.Hash, *update.Signed](admittedMax)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return admission{cache, source, admitted}
}

// errNotKnown is the refusal of an author who may not write as far as this member
// knows.
var errNotKnown = errors.New("its author has no right to write")

// admit is runner.Config.Admit.
func (a admission) admit(ctx context.Context, object wire.ObjectID, newest runner.State, b []byte) error {
	id := bft.RequestID(b)
	u, kept := a.admitted.Get(id)
	if !kept {
		var err error
		if u, err = update.Parse(b); err != nil {
			return errs.New("order update", object.String(), errs.Usage, err)
		}
	}
	reason, err := update.Admit(ctx, a.cache.Load(a.source(object), newest.Root), newest.Version, object, u)
	switch {
	case err != nil:
		return errs.Wrap("order update", object.String(), err)
	case reason == update.ReasonNotAllowed:
		return errs.New("order update", object.String(), reason.Kind(), errNotKnown)
	case reason != update.ReasonNone:
		return errs.Newf("order update", object.String(), reason.Kind(), "%v", reason)
	}
	if !kept && len(b) <= admittedBytesMax {
		a.admitted.Add(id, u)
	}
	return nil
}

// parsed returns an update that a ring has ordered, nil for bytes that are none.
func (a admission) parsed(b []byte) (*update.Signed, error) {
	if len(b) <= admittedBytesMax {
		if u, kept := a.admitted.Get(bft.RequestID(b)); kept {
			return u, nil
		}
	}
	u, err := update.Parse(b)
	if err != nil && !errors.Is(err, update.ErrUpdate) {
		return nil, err
	}
	return u, nil
}

// order has an update ordered that came to this member. An author whom it does
// not know yet is given the time that a version takes to get here.
func (r *ring) order(ctx context.Context, object wire.ObjectID, signed []byte) (runner.Reply, error) {
	reply, err := r.rings.Submit(ctx, object, signed)
	if !errors.Is(err, errNotKnown) {
		return reply, err
	}
	woken, stop := r.news.listen(object)
	defer stop()
	late := time.NewTimer(admissionGrace)
	defer late.Stop()
	for {
		reply, err = r.rings.Submit(ctx, object, signed)
		if !errors.Is(err, errNotKnown) {
			return reply, err
		}
		select {
		case <-woken:
		case <-late.C:
			return reply, err
		case <-ctx.Done():
			return reply, err
		}
	}
}
