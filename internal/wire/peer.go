package wire

import (
	"bytes"
	"fmt"

	"github.com/mr-tron/base58"
)

// PeerID names a peer by its Ed25519 public key. Its text form is the libp2p
// peer ID of that key ("12D3KooW…"), which is what other tools show; peers
// with other kinds of keys are not admitted to an Atoll network.
type PeerID [32]byte

// peerPrefix is what a libp2p peer ID of an Ed25519 key starts with: an
// identity multihash (0x00) of 36 bytes, holding the protobuf key type 1
// (Ed25519) and 32 bytes of key.
var peerPrefix = []byte{0x00, 0x24, 0x08, 0x01, 0x12, 0x20}

// String returns the libp2p text form.
func (p PeerID) String() string { return base58.Encode(p.Multihash()) }

// Multihash returns the libp2p binary form.
func (p PeerID) Multihash() []byte {
	return append(bytes.Clone(peerPrefix), p[:]...)
}

// Key returns the public key that the peer signs with.
func (p PeerID) Key() PublicKey { return PublicKey(p) }

// IsZero reports whether the identifier is unset.
func (p PeerID) IsZero() bool { return p == PeerID{} }

// PeerIDFromMultihash parses the libp2p binary form.
func PeerIDFromMultihash(b []byte) (PeerID, error) {
	rest, ok := bytes.CutPrefix(b, peerPrefix)
	if !ok || len(rest) != len(PeerID{}) {
		return PeerID{}, fmt.Errorf("%w: not the peer ID of an Ed25519 key", ErrText)
	}
	return PeerID(rest), nil
}

// ParsePeerID parses the libp2p text form.
func ParsePeerID(s string) (PeerID, error) {
	if len(s) > 80 {
		return PeerID{}, fmt.Errorf("%w: peer ID %q is too long", ErrText, clip(s))
	}
	b, err := base58.Decode(s)
	if err != nil {
		return PeerID{}, fmt.Errorf("%w: peer ID %q", ErrText, s)
	}
	return PeerIDFromMultihash(b)
}
