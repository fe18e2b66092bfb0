package transfer

import (
	"errors"
	"fmt"
	"io"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// Incoming is a share as it came off a put stream: signed for by its author,
// of the length that its manifest says, not yet hashed.
type Incoming struct {
	Object       wire.ObjectID
	Author       wire.PublicKey
	Manifest     *extent.Manifest
	Index        int
	Data         []byte
	LeaseSeconds uint64
}

// Holder is what a Server stores shares in. The kind of an error (package errs)
// says what a peer can do about it: Full, Refused for a share that is not what
// its manifest says, NotFound, Damaged; any other is the holder's own trouble.
type Holder interface {
	// Put returns when the share has been checked against its manifest and is
	// durable. It keeps no reference to the data.
	Put(Incoming) error
	// Slice writes the slice of a range of a share, or nothing.
	Slice(w io.Writer, id wire.ExtentID, index, offset, length int) error
	// Manifest returns the manifest of an extent of which shares are held.
	Manifest(id wire.ExtentID) (*extent.Manifest, error)
	// Indexes returns the shares held of an extent, ascending.
	Indexes(id wire.ExtentID) ([]int, error)
	// Denies reports, from memory, whether the holder's operator wants nothing of
	// an object there, or no share of an extent; either may be zero.
	Denies(object wire.ObjectID, id wire.ExtentID) bool
	// FreeBytes returns, from memory, how much more may be stored.
	FreeBytes() uint64
}

// checkDenied refuses what the holder's operator does not want.
func checkDenied(h Holder, object wire.ObjectID, id wire.ExtentID) error {
	if h.Denies(object, id) {
		return refuse(RefusedDenied, "not wanted at this peer")
	}
	return nil
}

// refusalOf tells a peer why the store would not. What it says of the holder's
// own trouble would tell a stranger about this machine, so that stays here: the
// error matches both.
func refusalOf(err error) error {
	refusal := refuse(RefusedFailed, "the store failed")
	switch {
	case errors.Is(err, extent.ErrInput):
		refusal = refuse(RefusedMalformed, "range outside the share")
	case errs.KindOf(err) == errs.Full:
		refusal = refuse(RefusedFull, "%v", err)
	case errs.KindOf(err) == errs.Refused:
		refusal = refuse(RefusedMalformed, "%v", err)
	case errs.KindOf(err) == errs.NotFound:
		refusal = refuse(RefusedNotFound, "%v", err)
	case errs.KindOf(err) == errs.Damaged:
		refusal = refuse(RefusedDamaged, "%v", err)
	}
	return fmt.Errorf("%w: %w", refusal, err)
}
