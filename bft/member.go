package bft

import (
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

// ErrRing is returned for a list of members that no ring can have.
var ErrRing = errors.New("bad ring")

// Member is one of the peers that order an object, and the key that it votes
// with in this epoch. The key is made for the object and lies with the member's
// log: who has lost his log has lost his vote.
type Member struct {
	_    struct{} `cbor:",toarray"`
	Peer wire.PeerID
	Key  wire.PublicKey
}

// RingCert says who orders an object in one epoch. Its place in a chain of
// certificates, or an owner's signature, makes it true; it carries none itself.
type RingCert struct {
	_        struct{} `cbor:",toarray"`
	Object   wire.ObjectID
	Epoch    wire.Epoch      // from 1
	Members  []Member        // 3f+1, in the order of the bits of certificates
	Previous wire.RingCertID // of the epoch before; zero in epoch 1
}

// ID returns the name of the certificate, which decisions repeat.
func (r RingCert) ID() wire.RingCertID {
	return wire.RingCertID(wire.Derive(wire.ContextRing, wire.Marshal(r)))
}

// Faults returns f, the number of members that may fail in any way.
func (r RingCert) Faults() int { return (len(r.Members) - 1) / 3 }

// Quorum returns 2f+1: any two sets of so many members share an honest one.
func (r RingCert) Quorum() int { return 2*r.Faults() + 1 }

// Peers returns the peers of members, in their order.
func Peers(members []Member) []wire.PeerID {
	peers := make([]wire.PeerID, len(members))
	for i, m := range members {
		peers[i] = m.Peer
	}
	return peers
}

// Index returns the position of a peer among the members, or -1.
func (r RingCert) Index(peer wire.PeerID) int {
	for i, m := range r.Members {
		if m.Peer == peer {
			return i
		}
	}
	return -1
}

// contextLeader separates the choice of leaders from other hashes.
const contextLeader wire.Context = "atoll/v1/leader"

// Leader returns the index of the member that proposes in a view. Objects and
// epochs begin with different members, so that many rings among the same peers
// share the work.
func (r RingCert) Leader(view wire.View) int {
	h := wire.Derive(contextLeader, r.Object[:], wire.Uint64(uint64(r.Epoch)))
	var first uint64
	for _, b := range h[:8] {
		first = first<<8 | uint64(b)
	}
	return r.rotate(int(first%uint64(len(r.Members))), view)
}

// rotate returns the leader of a view, given that of view 0.
func (r RingCert) rotate(first int, view wire.View) int {
	n := uint64(len(r.Members))
	return int((uint64(first) + uint64(view)%n) % n)
}

// checkMembers refuses lists in which one peer or one key would vote twice, and
// sizes that are not 3f+1: a member more would cost messages and tolerate no
// further fault.
func checkMembers(members []Member) error {
	n := len(members)
	if n == 0 || n > wire.RingMembersMax || n%3 != 1 {
		return fmt.Errorf("%w: %d members, not 1, 4, 7 or 10", ErrRing, n)
	}
	for i, m := range members {
		if m.Peer.IsZero() || m.Key.IsZero() {
			return fmt.Errorf("%w: member %d has no name or key", ErrRing, i)
		}
		for j, other := range members[:i] {
			if m.Peer == other.Peer || m.Key == other.Key {
				return fmt.Errorf("%w: members %d and %d are the same", ErrRing, j, i)
			}
		}
	}
	return nil
}

// Follows checks that r is what may come after the ring before. The error matches
// ErrRing.
func (r RingCert) Follows(before RingCert) error {
	switch {
	case r.Object != before.Object:
		return fmt.Errorf("%w: for object %v", ErrRing, r.Object)
	case r.Epoch != before.Epoch+1:
		return fmt.Errorf("%w: epoch %d after %d", ErrRing, r.Epoch, before.Epoch)
	case r.Previous != before.ID():
		return fmt.Errorf("%w: epoch %d follows another ring", ErrRing, r.Epoch)
	}
	return checkMembers(r.Members)
}
