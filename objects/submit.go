package objects

import (
	"context"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/update"
)

// untilAhead is how many versions later than the newest an update may still be
// executed. It bounds how long the ring must remember the session.
const untilAhead = 5000

// batch gathers what goes in one update.
type batch struct {
	clause  update.Clause
	extents []update.NewExtent
	bytes   int
}

// batchBytesMax leaves room for what an update holds besides its clause and
// extents, and for their lists' headers.
const batchBytesMax = wire.UpdateBytesMax - 4<<10

func (b *batch) empty() bool {
	return len(b.clause.Actions) == 0 && len(b.clause.Predicates) == 0 && len(b.extents) == 0
}

func (b *batch) add(c update.Clause, bytes int) {
	b.clause.Predicates = append(b.clause.Predicates, c.Predicates...)
	b.clause.Actions = append(b.clause.Actions, c.Actions...)
	b.bytes += bytes
}

// submit signs an update and returns when it was applied. The error has the
// kind of the reason why it was not.
func (g *Gateway) submit(ctx context.Context, object wire.ObjectID, b *batch) (Ordered, error) {
	ordered, _, err := g.submitSigned(ctx, object, b)
	return ordered, err
}

// submitSigned is submit that returns what was signed too.
func (g *Gateway) submitSigned(ctx context.Context, object wire.ObjectID, b *batch) (Ordered, []byte, error) {
	s, err := g.sessions.of(object)
	if err != nil {
		return Ordered{}, nil, errs.Wrap("submit", "", err)
	}
	select {
	case s.slot <- struct{}{}:
		defer func() { <-s.slot }()
	case <-ctx.Done():
		return Ordered{}, nil, ctx.Err()
	}
	head, err := g.Ring.Head(ctx, object)
	if err != nil {
		return Ordered{}, nil, err
	}
	seq, end, err := s.begin(ctx)
	if err != nil {
		return Ordered{}, nil, err
	}
	defer end()
	signed := update.Sign(g.Author, update.Update{
		Object: object, Session: s.id, Seq: seq, Until: head.Version + untilAhead,
		Clauses: []update.Clause{b.clause}, Extents: b.extents,
	}).Encode()
	for {
		ordered, err := g.Ring.Submit(ctx, object, signed)
		if err != nil {
			return Ordered{}, nil, err
		}
		// A full version refuses and forgets an update: the next may take it.
		if ordered.Outcome.Reason != update.ReasonBusy {
			return ordered, signed, ordered.Outcome.Err()
		}
		if ctx.Err() != nil {
			return Ordered{}, nil, context.Cause(ctx)
		}
	}
}
