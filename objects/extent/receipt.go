package extent

import (
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

// TagReceipt is the kind of statement that a holder's receipt is.
const TagReceipt wire.Tag = "atoll/v1/receipt"

// Receipt is a holder's word that it has a share on disk and keeps it for a
// time that runs on its own uptime.
type Receipt struct {
	_            struct{} `cbor:",toarray"`
	Holder       wire.PeerID
	Object       wire.ObjectID
	Author       wire.PublicKey // who stored it
	Extent       wire.ExtentID
	Share        uint8 // its index, from 0
	Hash         wire.ShareHash
	Bytes        uint64 // of the share
	LeaseSeconds uint64 // of the holder's uptime
}

// SignedReceipt is a receipt and its holder's signature.
type SignedReceipt struct {
	_         struct{}         `cbor:",toarray"`
	Receipt   `cbor:"receipt"` // the name keeps it a field of its own
	Signature wire.Signature
}

// SignReceipt signs a receipt. The signer must be the holder that it names.
func SignReceipt(holder wire.Signer, r Receipt) SignedReceipt {
	return SignedReceipt{Receipt: r, Signature: holder.Sign(TagReceipt, wire.Marshal(r))}
}

// Verify checks the holder's signature. Whether the receipt speaks of the
// right share is for the caller to compare. The error matches
// wire.ErrSignature.
func (s SignedReceipt) Verify() error {
	if s.Hash == (wire.ShareHash{}) {
		return fmt.Errorf("%w: receipt for no share", wire.ErrSignature)
	}
	if err := s.Holder.Key().Verify(TagReceipt, wire.Marshal(s.Receipt), s.Signature); err != nil {
		return fmt.Errorf("receipt of %v for share %d of %v: %w", s.Holder, s.Share, s.Extent, err)
	}
	return nil
}

// CompactReceipt is a receipt without what its manifest and the update that
// carries it say already.
type CompactReceipt struct {
	_            struct{} `cbor:",toarray"`
	Share        uint8
	Holder       wire.PeerID
	LeaseSeconds uint64
	Signature    wire.Signature
}

// Compact leaves out what Expand can put back.
func (s SignedReceipt) Compact() CompactReceipt {
	return CompactReceipt{Share: s.Share, Holder: s.Holder, LeaseSeconds: s.LeaseSeconds, Signature: s.Signature}
}

// Expand returns the receipt as it was signed. For a share that the manifest
// does not have the result names no share and never verifies.
func (c CompactReceipt) Expand(object wire.ObjectID, author wire.PublicKey, m *Manifest) SignedReceipt {
	r := Receipt{
		Holder: c.Holder, Object: object, Author: author, Extent: m.ID(),
		Share: c.Share, Bytes: uint64(m.ShareBytes()), LeaseSeconds: c.LeaseSeconds,
	}
	if int(c.Share) < len(m.Shares) {
		r.Hash = m.Shares[c.Share]
	}
	return SignedReceipt{Receipt: r, Signature: c.Signature}
}
