package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/atollnet/atoll/bft/runner"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/update"
)

// checksMax is how many updates are looked at at once, so that many that come
// together do not take the processors from those that are being ordered.
const checksMax = 4

// refusedRate bounds how many updates of one peer may be refused: who looks at
// them has the work, and nothing of it reaches a ring. A peer beyond it waits
// until some of it is forgiven.
var refusedRate = p2p.Rate{PerSecond: 10, Burst: 100}

// errRefused is what every refusal at the door matches.
var errRefused = errors.New("not admitted")

// errNotAllowed is the refusal of an author who may not write as far as this
// member knows; it matches errRefused.
var errNotAllowed = fmt.Errorf("%w: %v", errRefused, update.ReasonNotAllowed)

// admitter refuses updates before rings have any work with them.
type admitter struct {
	executor executor
	slots    chan struct{}
}

func newAdmitter(x executor) admitter {
	return admitter{executor: x, slots: make(chan struct{}, checksMax)}
}

// Check refuses what is wrong in every state.
func (a admitter) Check(object wire.ObjectID, b []byte) error {
	u, err := a.executor.parse(b)
	if err != nil {
		return refusal(object, update.ReasonMalformed)
	}
	reason := update.Check(object, u)
	if reason == update.ReasonNone {
		a.executor.checked.put(b, u)
		return nil
	}
	return refusal(object, reason)
}

// Admit refuses what is wrong in the newest state here.
func (a admitter) Admit(ctx context.Context, object wire.ObjectID, at runner.Position, b []byte) (runner.Admission, error) {
	u, err := a.executor.parse(b)
	if err != nil {
		return runner.Admission{}, refusal(object, update.ReasonMalformed)
	}
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
		return runner.Admission{}, context.Cause(ctx)
	}
	state := a.executor.cache.Load(a.executor.source(object), at.State.Root)
	env := update.Env{Object: object, Version: at.State.Version + 1, TimeUnixMilli: time.Now().UnixMilli(), Ring: at.Ring}
	found, err := update.Admit(ctx, state, env, u)
	if err != nil {
		return runner.Admission{}, err
	}
	if found.Reason != update.ReasonNone {
		return runner.Admission{}, refusal(object, found.Reason)
	}
	a.executor.checked.put(b, u)
	return runner.Admission{Source: u.Author, Executed: found.Executed}, nil
}

// refusal is the error that an ordered update would have given. That the object
// is deleted is said as a refusal, since a member that does not know an object
// says that it finds nothing.
func refusal(object wire.ObjectID, r update.Reason) error {
	kind := r.Kind()
	if r == update.ReasonDeleted {
		kind = errs.Refused
	}
	cause := errNotAllowed
	if r != update.ReasonNotAllowed {
		cause = fmt.Errorf("%w: %v", errRefused, r)
	}
	return errs.New("order update", object.String(), kind, cause)
}
