package p2p

import (
	"fmt"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/atollnet/atoll/internal/wire"
)

// ToLibp2p returns libp2p's name of the peer.
func ToLibp2p(p wire.PeerID) peer.ID { return peer.ID(p.Multihash()) }

// FromLibp2p returns the peer that libp2p calls id. It fails for peers whose
// key is not Ed25519; the connection gate lets none of these in.
func FromLibp2p(id peer.ID) (wire.PeerID, error) {
	return wire.PeerIDFromMultihash([]byte(id))
}

// privateKey returns libp2p's form of k.
func privateKey(k wire.Key) (crypto.PrivKey, error) {
	seed, public := k.Seed(), k.Public()
	priv, err := crypto.UnmarshalEd25519PrivateKey(append(seed[:], public[:]...))
	if err != nil {
		return nil, fmt.Errorf("p2p: peer key: %w", err)
	}
	return priv, nil
}
