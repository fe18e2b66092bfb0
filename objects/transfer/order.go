package transfer

import (
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// ProtocolKeep is the protocol by which custodians renew leases and bring
// shares that they have rebuilt.
const ProtocolKeep = "/atoll/share-keep/1"

// TagKeep is the kind of statement by which a custodian asks a holder to keep a
// share.
const TagKeep wire.Tag = "atoll/v1/keep-share"

// Order is a custodian's request that a holder keep a share of an object's
// extent. It needs no key of the author's: the manifest says what the share is,
// and the order, who asks and for which object. It gives no other right than an
// author's signed put does, and it is charged to the custodian.
type Order struct {
	_            struct{} `cbor:",toarray"`
	Object       wire.ObjectID
	Extent       wire.ExtentID
	Holder       wire.PeerID
	Share        uint8
	LeaseSeconds uint64         // of the holder's uptime
	Custodian    wire.PublicKey // a ring member's peer key, or the owner's key
}

// keepOpen begins a keep stream.
type keepOpen struct {
	_         struct{} `cbor:",toarray"`
	Order     Order
	Brings    bool           // the share follows if the holder wants it
	Proof     []byte         // a head record that says who the custodians are
	Manifest  []byte         // encoded
	Signature wire.Signature // the custodian's, on the order
}

func (m *keepOpen) check() error {
	if m.Order.LeaseSeconds == 0 {
		return fmt.Errorf("%w: an order to keep a share for no time", ErrProtocol)
	}
	if len(m.Proof) > wire.HeadBytesMax || len(m.Manifest) > wire.ManifestBytesMax {
		return fmt.Errorf("%w: proof of %d and manifest of %d bytes", ErrProtocol, len(m.Proof), len(m.Manifest))
	}
	return nil
}

// verify returns the manifest if the order is about a share of it, for this
// holder, and signed by the custodian that it names.
func (m *keepOpen) verify(self wire.PeerID) (*extent.Manifest, error) {
	o := m.Order
	if extent.IDOf(m.Manifest) != o.Extent {
		return nil, fmt.Errorf("%w: the manifest is of another extent", ErrProtocol)
	}
	manifest, err := extent.ParseManifest(m.Manifest)
	if err != nil {
		return nil, err
	}
	if o.Share >= manifest.N {
		return nil, fmt.Errorf("%w: share %d of %d", ErrProtocol, o.Share, manifest.N)
	}
	if o.Holder != self {
		return nil, refuse(RefusedNotAllowed, "the order is for %v", o.Holder)
	}
	if err := o.Custodian.Verify(TagKeep, wire.Marshal(o), m.Signature); err != nil {
		return nil, refuse(RefusedNotAllowed, "%v", err)
	}
	return manifest, nil
}

// keepReply answers an order: a refusal, a receipt, or neither, which asks for
// the share.
type keepReply struct {
	_       struct{} `cbor:",toarray"`
	Refusal *Refusal
	Receipt *extent.CompactReceipt
}

func (m *keepReply) check() error {
	if m.Refusal != nil && m.Receipt != nil {
		return fmt.Errorf("%w: a reply is a receipt or a refusal", ErrProtocol)
	}
	if m.Refusal != nil {
		return m.Refusal.check()
	}
	return nil
}
