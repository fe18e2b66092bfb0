package objects

import (
	"context"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/update"
)

// Reconfigure has another ring order an object and returns when that is
// certified. The error is of kind Conflict if the ring has changed meanwhile.
func (g *Gateway) Reconfigure(ctx context.Context, object wire.ObjectID, r bft.Reconfiguration) error {
	var b batch
	b.clause.Actions = []update.Action{update.Reconfigure(r)}
	_, err := g.submit(ctx, object, &b)
	return errs.Wrap("change ring", object.String(), err)
}
