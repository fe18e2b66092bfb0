package node

import (
	"context"
	"errors"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// turns is how peers are asked one after another.
type turns struct {
	// patience is how long one that says nothing is waited for before the next
	// is asked too.
	patience time.Duration
	// settles, if not nil, reports whether a failure ends it: the others would
	// say the same.
	settles func(wire.PeerID, error) bool
}

// allFailed is that none of the peers answered, in the order of their failures.
type allFailed []error

func (a allFailed) Error() string {
	if len(a) == 0 {
		return "there is nobody to ask"
	}
	return errors.Join(a...).Error()
}

func (a allFailed) Unwrap() []error { return a }

// inTurn asks peers, in their order, until one answers: the next when one has
// failed, or has said nothing for a while; those that were asked before may still
// answer. What is under way ends with it. The error is one that settles it, or
// allFailed with the given kind.
func inTurn[A any](ctx context.Context, t turns, peers []wire.PeerID, kind errs.Kind, ask func(context.Context, wire.PeerID) (A, error)) (answer A, from wire.PeerID, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		from   wire.PeerID
		answer A
		err    error
	}
	results := make(chan result, len(peers)) // nobody who is late waits
	var failed allFailed
	late := time.NewTimer(0)
	defer late.Stop()
	for next, open := 0, 0; next < len(peers) || open > 0; {
		select {
		case <-late.C:
		case got := <-results:
			if got.err == nil || t.settles != nil && t.settles(got.from, got.err) {
				return got.answer, got.from, got.err
			}
			open--
			failed = append(failed, got.err)
		}
		if next < len(peers) {
			p := peers[next]
			go func() {
				a, err := ask(ctx, p)
				results <- result{p, a, err}
			}()
			next, open = next+1, open+1
			late.Reset(t.patience)
		}
	}
	return answer, from, errs.New("", "", kind, failed)
}

// ahead returns peers with one of them, if it is among them, at the front.
func ahead(first wire.PeerID, peers []wire.PeerID) []wire.PeerID {
	order := make([]wire.PeerID, 0, len(peers))
	for _, at := range []bool{true, false} {
		for _, p := range peers {
			if (p == first) == at {
				order = append(order, p)
			}
		}
	}
	return order
}
