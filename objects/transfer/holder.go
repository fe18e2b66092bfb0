package transfer

import (
	"io"

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

// Holder is what a Server stores shares in.
type Holder interface {
	// Put returns when the share has been checked against its manifest and is
	// durable. It keeps no reference to Data.
	Put(Incoming) error
	// Slice writes the slice of a range of a share, or nothing.
	Slice(w io.Writer, id wire.ExtentID, index, offset, length int) error
	Manifest(id wire.ExtentID) (*extent.Manifest, error)
	// Indexes returns the shares held of an extent, ascending.
	Indexes(id wire.ExtentID) ([]int, error)
	// FreeBytes returns how much more may be stored.
	FreeBytes() uint64
}

// refusalOf tells a peer why the store would not.
func refusalOf(err error) *Refusal {
	return refuse(RefusedFailed, "%v", err)
}
