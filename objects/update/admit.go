package update

import (
	"context"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
	"github.com/atollnet/atoll/objects/tree"
)

// Admission is what can be said of an update before a ring orders it.
type Admission struct {
	// Reason is why it would be refused, or could not be applied; ReasonNone: it
	// may be ordered.
	Reason Reason
	// Executed is the version that has executed it before; 0: none has.
	Executed wire.Version
}

// Check looks for what is wrong with an update in any state: another object, a
// bad signature, a manifest or a receipt that does not fit. It is most of the
// work, and what Verify has found is kept for Apply.
func Check(object wire.ObjectID, u *Signed) Reason {
	if u.Object != object {
		return ReasonWrongObject
	}
	if err := u.Verify(); err != nil {
		return verifyReason(err)
	}
	return ReasonNone
}

// Admit looks at an update that nobody has ordered, on a state that may be older
// than the one it will be executed on: env is that of the version after the
// state. Without this anybody could fill an object's history. What may turn out
// well on a newer state is left to Apply, but for authors who have no right yet.
// The error is that of reading the state.
func Admit(ctx context.Context, state *tree.Map, env Env, u *Signed) (Admission, error) {
	if IsDeleted(state.Root()) {
		return Admission{Reason: ReasonDeleted}, nil
	}
	_, known, err := get(ctx, state, WriterKey(u.Author), ParseWriter)
	if err != nil {
		return Admission{}, err
	}
	stranger := &batch{env: env}
	if !known && !stranger.agreed(u) {
		return Admission{Reason: ReasonNotAllowed}, nil
	}
	if reason := Check(env.Object, u); reason != ReasonNone {
		return Admission{Reason: reason}, nil
	}
	window, _, err := get(ctx, state, SessionKey(u.Author, u.Session), ParseSessionWindow)
	if err != nil {
		return Admission{}, err
	}
	switch first, seen := window.seen(u); {
	case seen && first.Repeated:
		return Admission{Executed: first.Version}, nil
	case seen:
		return Admission{Reason: first.Reason}, nil
	case u.Until < env.Version:
		return Admission{Reason: ReasonExpired}, nil
	}
	reason, err := u.confirmed(ctx, state)
	return Admission{Reason: reason}, err
}

// confirmed looks whether all extents that an update brings, and that the state
// lacks, have enough receipts.
func (s *Signed) confirmed(ctx context.Context, state tree.Reader) (Reason, error) {
	if len(s.Extents) == 0 {
		return ReasonNone, nil
	}
	policy, err := policyOf(ctx, state)
	if err != nil {
		return ReasonNone, err
	}
	for _, x := range s.Extents {
		id := extent.IDOf(x.Manifest)
		_, found, err := state.Get(ctx, ExtentKey(id))
		if err != nil {
			return ReasonNone, err
		}
		if !found && !s.extents[id].enough(policy) {
			return ReasonTooFewReceipts, nil
		}
	}
	return ReasonNone, nil
}
