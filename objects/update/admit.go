package update

import (
	"context"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/tree"
)

// Admit reports why a ring has no use for an update, ReasonNone if it may have.
// Without this anybody could have an object's history filled with what is refused.
// It looks at the author's right to write at all, at his signature and everything
// that Verify checks, and at the sequence number; where he may write, and the rest,
// is for Apply to find. The state is that of a version, which may be older than
// the one that the update will be executed on: of the reasons only ReasonNotAllowed
// may then be wrong. The error is that of reading the state.
func Admit(ctx context.Context, state *tree.Map, version wire.Version, object wire.ObjectID, u *Signed) (Reason, error) {
	switch {
	case u.Object != object:
		return ReasonWrongObject, nil
	case IsDeleted(state.Root()):
		return ReasonDeleted, nil
	}
	_, known, err := get(ctx, state, WriterKey(u.Author), ParseWriter)
	if err != nil {
		return ReasonNone, err
	}
	// Whether the members' statements in a replacement suffice depends on the
	// ring.
	if !known && !isReplacement(u) {
		return ReasonNotAllowed, nil
	}
	window, _, err := get(ctx, state, SessionKey(u.Author, u.Session), ParseSessionWindow)
	if err != nil {
		return ReasonNone, err
	}
	// A repetition has to be ordered again: its first outcome needs a proof.
	first, seen := window.seen(u)
	switch {
	case seen && first.Status == Refused:
		return first.Reason, nil
	case !seen && u.Until <= version:
		return ReasonExpired, nil
	}
	if err := u.Verify(); err != nil {
		return verifyReason(err), nil
	}
	return ReasonNone, nil
}
