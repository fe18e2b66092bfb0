package bft

import (
	"github.com/atollnet/atoll/internal/wire"
)

// key returns the n-th of the test's keys.
func key(n byte) wire.Key { return wire.NewKey([32]byte{n, 'k', 'e', 'y'}) }

// The test's keys by role: the owner, then for member i of epoch e a peer and a
// ring key.
var owner = key(250)

func peerKey(i int) wire.Key        { return key(byte(100 + i)) }
func ringKey(epoch, i int) wire.Key { return key(byte(20*epoch + i)) }
func peerID(i int) wire.PeerID      { return wire.PeerID(peerKey(i).Public()) }
func members(epoch, n int) (m []Member) {
	for i := range n {
		m = append(m, Member{Peer: peerID(i), Key: ringKey(epoch, i).Public()})
	}
	return m
}

// genesisOf returns the genesis of a test object with a ring of n.
func genesisOf(n int) Genesis {
	body := NewGenesisBody(owner.Public(), "home", [16]byte{1}, []byte("policy"), members(1, n))
	var accepted []wire.Signature
	for i := range n {
		accepted = append(accepted, Accept(peerKey(i), body.ObjectID()))
	}
	return NewGenesis(owner, body, accepted)
}

// decisionOf returns a decision of a ring on a version after another.
func decisionOf(r RingCert, v wire.Version, previous wire.VersionID) Decision {
	return Decision{
		Object: r.Object, Epoch: r.Epoch, Ring: r.ID(), Version: v, Previous: previous,
		State: wire.NodeHash{byte(v)}, Outcomes: wire.Hash{1}, TimeUnixMilli: int64(v),
	}
}

// sign returns a certificate with the votes of the members named.
func sign(r RingCert, k Kind, d Decision, view wire.View, signers ...int) Certificate {
	votes := make([]*wire.Signature, len(r.Members))
	for _, i := range signers {
		s := SignVote(ringKey(int(r.Epoch), i), k, Ballot{View: view, Decision: d.ID()})
		votes[i] = &s
	}
	return newCertificate(k, d, view, len(signers), votes)
}

func next(r RingCert, n int) RingCert {
	return RingCert{Object: r.Object, Epoch: r.Epoch + 1, Members: members(int(r.Epoch)+1, n), Previous: r.ID()}
}
