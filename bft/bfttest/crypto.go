package bfttest

import (
	"encoding/binary"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
)

// signer stands in for a private key.
type signer struct{ public wire.PublicKey }

// newSigner returns a peer's ring key of an epoch: each has its own.
func newSigner(peer int, e wire.Epoch) signer {
	return signer{wire.PublicKey{'k', byte(peer + 1), byte(e), byte(e >> 8)}}
}

// Public implements wire.Signer.
func (s signer) Public() wire.PublicKey { return s.public }

// Sign implements wire.Signer.
func (s signer) Sign(t wire.Tag, body []byte) (out wire.Signature) {
	binary.BigEndian.PutUint64(out[:], checksum(s.public, t, body))
	return out
}

func verify(key wire.PublicKey, t wire.Tag, body []byte, s wire.Signature) error {
	if s != (signer{key}).Sign(t, body) {
		return wire.ErrSignature
	}
	return nil
}

// trusting is the check of a member that checks nothing.
func trusting(wire.PublicKey, wire.Tag, []byte, wire.Signature) error { return nil }

// checksum is FNV-1a over key, tag and body.
func checksum(key wire.PublicKey, t wire.Tag, body []byte) uint64 {
	h := uint64(14695981039346656037)
	add := func(b byte) { h = (h ^ uint64(b)) * 1099511628211 }
	for _, b := range key {
		add(b)
	}
	for i := range len(t) {
		add(t[i])
	}
	add(0)
	for _, b := range body {
		add(b)
	}
	return h
}

// newRing returns the first ring of the simulation, of the peers 0 to n-1.
func newRing(n int, salt uint64) bft.RingCert {
	r := bft.RingCert{Object: wire.ObjectID(wire.Derive(wire.ContextObject, wire.Uint64(salt))), Epoch: 1}
	for i := range n {
		r.Members = append(r.Members, newMember(i, r.Epoch))
	}
	return r
}

func peerID(peer int) wire.PeerID { return wire.PeerID{'p', byte(peer + 1)} }

func newMember(peer int, e wire.Epoch) bft.Member {
	return bft.Member{Peer: peerID(peer), Key: newSigner(peer, e).public}
}
