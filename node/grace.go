package node

import (
	"context"
	"errors"
	"time"

	"github.com/atollnet/atoll/bft/runner"
	"github.com/atollnet/atoll/internal/wire"
)

// admissionGrace is how long an author whom this member does not know waits for
// the version that lets him write: he may have heard of it first.
const admissionGrace = 300 * time.Millisecond

// order has an update ordered that came to this peer's member of a ring.
func (r *ring) order(ctx context.Context, object wire.ObjectID, signed []byte) (runner.Reply, error) {
	reply, err := r.rings.Submit(ctx, object, signed)
	if !errors.Is(err, errNotAllowed) {
		return reply, err
	}
	r.news.try(ctx, object, admissionGrace, func() bool {
		reply, err = r.rings.Submit(ctx, object, signed)
		return !errors.Is(err, errNotAllowed)
	})
	return reply, err
}
