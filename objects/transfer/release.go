package transfer

import (
	"context"
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

// ProtocolRelease is the protocol by which an owner tells holders that his
// object refers to extents no more.
const ProtocolRelease = "/atoll/share-release/1"

// TagRelease is the kind of statement by which an owner does.
const TagRelease wire.Tag = "atoll/v1/release-shares"

// ReleaseExtentsMax is the most extents of one release.
const ReleaseExtentsMax = 256

// Release is an owner's word that an object released extents in a version. It
// does not free anything by itself: the holder looks at a certified state of
// that version or a later one, which must not know them.
type Release struct {
	_       struct{} `cbor:",toarray"`
	Object  wire.ObjectID
	Version wire.Version // in which the last of them was released
	Holder  wire.PeerID
	Extents []wire.ExtentID // ascending
	Owner   wire.PublicKey
}

// releaseOpen begins, and is all that comes on, a release stream.
type releaseOpen struct {
	_         struct{} `cbor:",toarray"`
	Release   Release
	Proof     []byte         // a head record that says who the owner is
	Signature wire.Signature // the owner's, on the release
}

func (m *releaseOpen) check() error {
	if n := len(m.Release.Extents); n < 1 || n > ReleaseExtentsMax {
		return fmt.Errorf("%w: a release of %d extents", ErrProtocol, n)
	}
	if !ascend(m.Release.Extents) {
		return fmt.Errorf("%w: the extents of a release are not ascending", ErrProtocol)
	}
	if len(m.Proof) > wire.HeadBytesMax {
		return fmt.Errorf("%w: proof of %d bytes", ErrProtocol, len(m.Proof))
	}
	return nil
}

// releaseReply answers it: how many bytes will be freed, or a refusal.
type releaseReply struct {
	_       struct{} `cbor:",toarray"`
	Refusal *Refusal
	Bytes   uint64
}

func (m *releaseReply) check() error {
	if m.Refusal == nil {
		return nil
	}
	if m.Bytes != 0 {
		return fmt.Errorf("%w: a refusal frees nothing", ErrProtocol)
	}
	return m.Refusal.check()
}

// Owner tells holders what is released. It is safe for concurrent use.
type Owner struct {
	Network Network
	Key     wire.Signer
}

// Release tells a holder, and returns how many bytes it will free.
func (o Owner) Release(ctx context.Context, r Release, proof []byte) (bytes uint64, err error) {
	r.Owner = o.Key.Public()
	return askRelease(ctx, o.Network, r.Holder, ProtocolRelease, &releaseOpen{Release: r, Proof: proof, Signature: o.Key.Sign(TagRelease, wire.Marshal(r))})
}

// Releasing is what a Server needs to let go of shares.
type Releasing interface {
	// Owner returns an error unless the proof shows that the key is that of the
	// object's owner.
	Owner(object wire.ObjectID, key wire.PublicKey, proof []byte) error
	// Release lets the object's leases of extents run out, as far as a certified
	// state of that version or a later one knows them no more, and returns how
	// many bytes that will free.
	Release(ctx context.Context, object wire.ObjectID, version wire.Version, extents []wire.ExtentID) (bytes uint64, err error)
	// Delete lets all leases of an object run out, if the deletion is what it
	// claims, and returns how many bytes that will free.
	Delete(ctx context.Context, d Deletion) (bytes uint64, err error)
}

// ServeRelease takes one release from an owner and ends the stream. The error is
// a *Refusal if the owner was told, else what broke the stream.
func (v *Server) ServeRelease(ctx context.Context, remote wire.PeerID, s Stream) error {
	return v.serveRelease(ctx, remote, s, func(p *paced) (uint64, error) { return v.release(ctx, p) })
}

func (v *Server) release(ctx context.Context, p *paced) (bytes uint64, err error) {
	p.allow(releaseOpenBytesMax, v.BytesPerSecondMin, v.ProgressTimeout)
	var open releaseOpen
	if err := receive(p, &open, releaseOpenBytesMax); err != nil {
		return 0, err
	}
	r := open.Release
	switch {
	case v.Releasing == nil:
		return 0, refuse(RefusedNotAllowed, "this peer releases nothing")
	case r.Holder != v.Self:
		return 0, refuse(RefusedNotAllowed, "the release is for %v", r.Holder)
	}
	if err := r.Owner.Verify(TagRelease, wire.Marshal(r), open.Signature); err != nil {
		return 0, refuse(RefusedNotAllowed, "%v", err)
	}
	if err := v.Releasing.Owner(r.Object, r.Owner, open.Proof); err != nil {
		return 0, refuse(RefusedNotAllowed, "%v", err)
	}
	if bytes, err = v.Releasing.Release(ctx, r.Object, r.Version, r.Extents); err != nil {
		return 0, refusalOf(err)
	}
	return bytes, nil
}
