package bft

import (
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

// TagStatus is the kind of statement that a Status is.
const TagStatus wire.Tag = "atoll/v1/status"

// StatusBytesMax is the most bytes of an encoded Status.
const StatusBytesMax = CertificateBytesMax + 256

// ErrStatus is returned for answers that do not tell what is newest.
var ErrStatus = errors.New("bad status")

// Nonce is what a reader draws for one question, so that no answer to an
// earlier one will do.
type Nonce [32]byte

// Status is a member's answer to a reader who asks what is newest. 2f+1 of them
// with one nonce hold an honest member of each quorum that has ever committed a
// version: the newest certificate among them is as new as any version that was
// acknowledged before the question. That needs each member to have brought what
// it has prepared to its end first, see Replica.Status.
type Status struct {
	_         struct{} `cbor:",toarray"`
	Member    uint8
	Nonce     Nonce
	Commit    *Certificate // the newest, of this ring; nil: it has decided nothing
	Signature wire.Signature
}

// asked is what the signature of a Status is over. The ring's name ties it to
// object and epoch.
type asked struct {
	_       struct{} `cbor:",toarray"`
	Ring    wire.RingCertID
	Member  uint8
	Nonce   Nonce
	Version wire.VersionID // zero: the ring has decided nothing
}

func (s Status) statement(ring wire.RingCertID) []byte {
	body := asked{Ring: ring, Member: s.Member, Nonce: s.Nonce}
	if s.Commit != nil {
		body.Version = s.Commit.Version()
	}
	return wire.Marshal(body)
}

// SignStatus answers a reader as the member of a ring.
func SignStatus(member wire.Signer, index int, ring wire.RingCertID, nonce Nonce, commit *Certificate) Status {
	s := Status{Member: uint8(index), Nonce: nonce, Commit: commit}
	s.Signature = member.Sign(TagStatus, s.statement(ring))
	return s
}

// Encode returns the canonical encoding.
func (s Status) Encode() []byte { return wire.Marshal(s) }

// ParseStatus parses what Encode writes; Verify checks it. The error matches
// ErrStatus.
func ParseStatus(b []byte) (Status, error) {
	var s Status
	if err := wire.Unmarshal(b, &s, StatusBytesMax); err != nil {
		return Status{}, fmt.Errorf("%w: %v", ErrStatus, err)
	}
	return s, nil
}

// Verify checks that a member of the ring gave this answer to the question, and
// the certificate in it. The error matches ErrStatus.
func (s Status) Verify(ring RingCert, nonce Nonce) error { return s.verify(ring, nonce, Ed25519) }

func (s Status) verify(ring RingCert, nonce Nonce, v Verifier) error {
	if int(s.Member) >= len(ring.Members) {
		return fmt.Errorf("%w: member %d of %d", ErrStatus, s.Member, len(ring.Members))
	}
	if s.Nonce != nonce {
		return fmt.Errorf("%w: member %d answers another question", ErrStatus, s.Member)
	}
	if err := v(ring.Members[s.Member].Key, TagStatus, s.statement(ring.ID()), s.Signature); err != nil {
		return fmt.Errorf("%w: member %d: %w", ErrStatus, s.Member, err)
	}
	if s.Commit == nil {
		return nil
	}
	if err := s.Commit.verify(Commit, ring, v); err != nil {
		return fmt.Errorf("%w: member %d: %w", ErrStatus, s.Member, err)
	}
	return nil
}

// Newest judges the answers to one question: given those of 2f+1 members it
// returns the newest certificate, nil if the ring has decided nothing yet. What
// does not verify, and a member's second answer, counts for nothing. A
// certificate that names a next ring means that the question is for that one.
// The error, for too few answers, matches ErrStatus.
func Newest(ring RingCert, nonce Nonce, answers []Status) (*Certificate, error) {
	return newest(ring, nonce, answers, Ed25519)
}

func newest(ring RingCert, nonce Nonce, answers []Status, v Verifier) (found *Certificate, err error) {
	var heard uint16
	count := 0
	for _, s := range answers {
		if s.verify(ring, nonce, v) != nil || heard&(1<<s.Member) != 0 {
			continue
		}
		heard |= 1 << s.Member
		count++
		if found == nil || s.Commit != nil && s.Commit.Decision.Version > found.Decision.Version {
			found = s.Commit
		}
	}
	if count < ring.Quorum() {
		return nil, fmt.Errorf("%w: %d members have answered, %d are needed", ErrStatus, count, ring.Quorum())
	}
	return found, nil
}

// Status answers a reader. It is false while this member has prepared a version
// that is not committed: a user may have been told of it already, so the answer
// has to wait until it is decided, which waiting work makes happen; and when the
// epoch is over, as this ring says nothing more. What was written in earlier
// effects must be durable before the answer is given.
func (r *Replica) Status(nonce Nonce) (Status, bool) {
	if r.over || r.fault != nil || r.state.Prepared != nil {
		return Status{}, false
	}
	return SignStatus(r.key, r.self, r.ringID, nonce, r.head.proof), true
}
