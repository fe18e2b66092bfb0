package bft

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/atollnet/atoll/internal/wire"
)

// CertificateBytesMax is the most bytes of an encoded certificate.
const CertificateBytesMax = 1 << 10

const certificateFormat = 1

// ErrCertificate is returned for a certificate that does not prove what it
// says.
var ErrCertificate = errors.New("bad certificate")

// Certificate proves that 2f+1 members of a ring cast the same vote. One of
// commits makes a version; one of prepares, no other decision can have been
// made in an older view.
type Certificate struct {
	_          struct{} `cbor:",toarray"`
	Format     uint64   // 1: one Ed25519 signature per signer
	Kind       Kind
	Decision   Decision
	View       wire.View
	Signers    uint16           // bit i for member i
	Signatures []wire.Signature // of the signers, in ascending order
}

// Ballot returns what the signatures are for.
func (c Certificate) Ballot() Ballot { return Ballot{View: c.View, Decision: c.Decision.ID()} }

// Version returns the name of the version that a commit certificate makes.
func (c Certificate) Version() wire.VersionID { return c.Decision.ID() }

// Encode returns the canonical encoding.
func (c Certificate) Encode() []byte { return wire.Marshal(c) }

// ParseCertificate parses what Encode writes; Verify checks it. The error
// matches ErrCertificate.
func ParseCertificate(b []byte) (Certificate, error) {
	var c Certificate
	if err := wire.Unmarshal(b, &c, CertificateBytesMax); err != nil {
		return Certificate{}, fmt.Errorf("%w: %v", ErrCertificate, err)
	}
	return c, c.check()
}

// check sees to what needs no ring.
func (c Certificate) check() error {
	switch {
	case c.Format != certificateFormat:
		return fmt.Errorf("%w: format %d, this release reads %d", ErrCertificate, c.Format, certificateFormat)
	case !c.Kind.valid():
		return fmt.Errorf("%w: %v", ErrCertificate, c.Kind)
	case bits.OnesCount16(c.Signers) != len(c.Signatures):
		return fmt.Errorf("%w: %d signers and %d signatures", ErrCertificate, bits.OnesCount16(c.Signers), len(c.Signatures))
	case c.Decision.Version == 0:
		return fmt.Errorf("%w: for version 0", ErrCertificate)
	case (c.Decision.Version == 1) != c.Decision.Previous.IsZero():
		return fmt.Errorf("%w: version %d after %v", ErrCertificate, c.Decision.Version, c.Decision.Previous)
	}
	return nil
}

// Verify checks that 2f+1 distinct members of the ring signed a vote of this
// kind. The error matches ErrCertificate.
func (c Certificate) Verify(kind Kind, ring RingCert) error { return c.verify(kind, ring, Ed25519) }

func (c Certificate) verify(kind Kind, ring RingCert, v Verifier) error {
	if err := c.check(); err != nil {
		return err
	}
	switch d := c.Decision; {
	case c.Kind != kind:
		return fmt.Errorf("%w: of kind %v, not %v", ErrCertificate, c.Kind, kind)
	case d.Object != ring.Object || d.Epoch != ring.Epoch || d.Ring != ring.ID():
		return fmt.Errorf("%w: of another ring", ErrCertificate)
	case bits.Len16(c.Signers) > len(ring.Members):
		return fmt.Errorf("%w: signer %d of %d members", ErrCertificate, bits.Len16(c.Signers)-1, len(ring.Members))
	case len(c.Signatures) < ring.Quorum():
		return fmt.Errorf("%w: %d signatures, %d needed", ErrCertificate, len(c.Signatures), ring.Quorum())
	}
	ballot, next := c.Ballot(), 0
	for i, m := range ring.Members {
		if c.Signers&(1<<i) == 0 {
			continue
		}
		if err := v.vote(m.Key, kind, ballot, c.Signatures[next]); err != nil {
			return fmt.Errorf("%w: member %d: %w", ErrCertificate, i, err)
		}
		next++
	}
	return nil
}

// newCertificate joins votes; votes[i] is member i's, nil if there is none. It
// takes no more than a quorum, so a certificate has one length per ring.
func newCertificate(kind Kind, d Decision, view wire.View, quorum int, votes []*wire.Signature) Certificate {
	c := Certificate{Format: certificateFormat, Kind: kind, Decision: d, View: view}
	for i, s := range votes {
		if s != nil && len(c.Signatures) < quorum {
			c.Signers |= 1 << i
			c.Signatures = append(c.Signatures, *s)
		}
	}
	return c
}

// Fork reports whether two commit certificates, both verified, are for
// different decisions on one version: at least f+1 members have lied. If both are
// of one view, those who signed both are named: each of them has. Those of two
// views name nobody, because an honest member to whom others lied about the
// first view may have signed the second.
func Fork(a, b Certificate) (liars uint16, forked bool) {
	if !contradict(a.Decision, b.Decision) {
		return 0, false
	}
	if a.View != b.View {
		return 0, true
	}
	return a.Signers & b.Signers, true
}
