package record

import (
	"crypto"
	"crypto/ed25519"
)

// Signer signs record sets: the zone's Ed25519 key.
type Signer = crypto.Signer

// NewSigner returns the signer of a key's seed. Record sets are signed with the
// zone's key itself, as DNSSEC does it, without a tag; statements of Atoll's own
// under the same key begin with one. The two cannot be confused: what DNSSEC
// signs begins with the type that is covered, and no type in use, nor any that
// package zone lets in, is spelled like the first two letters of a tag.
func NewSigner(seed [32]byte) Signer { return ed25519.NewKeyFromSeed(seed[:]) }

// TagType is the record type whose signatures could be taken for statements of
// Atoll's own: the first two letters of a tag, "at". No zone may have it.
const TagType = 'a'<<8 | 't'
