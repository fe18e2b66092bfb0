package bft

import (
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

// Statements of the owner about rings.
const (
	TagEndorse  wire.Tag = "atoll/v1/endorse"  // this ring is the present one
	TagOverride wire.Tag = "atoll/v1/override" // this ring goes on from that version, whatever the old one says
)

// ErrChain is returned for ring certificates that do not lead from the genesis,
// or from an endorsed ring, to the present one.
var ErrChain = errors.New("bad ring chain")

// Endorsement is the owner's word that a ring was the present one. A chain that
// begins with it needs nothing of what was before.
type Endorsement struct {
	_         struct{} `cbor:",toarray"`
	Ring      RingCert
	Overrides uint64 // made up to this ring
	Signature wire.Signature
}

// endorsed is what the signature of an Endorsement is over. The ring's name
// covers object, epoch and everything before.
type endorsed struct {
	_         struct{} `cbor:",toarray"`
	Ring      wire.RingCertID
	Overrides uint64
}

// Endorse signs a ring as the owner.
func Endorse(owner wire.Signer, ring RingCert, overrides uint64) Endorsement {
	body := wire.Marshal(endorsed{Ring: ring.ID(), Overrides: overrides})
	return Endorsement{Ring: ring, Overrides: overrides, Signature: owner.Sign(TagEndorse, body)}
}

// Verify checks that the owner of an object made the endorsement. The error
// matches ErrChain.
func (e Endorsement) Verify(g GenesisBody) error { return e.verify(g, g.ObjectID(), Ed25519) }

func (e Endorsement) verify(g GenesisBody, object wire.ObjectID, verify Verifier) error {
	if e.Ring.Object != object || e.Ring.Epoch == 0 {
		return fmt.Errorf("%w: endorsement of epoch %d of %v", ErrChain, e.Ring.Epoch, e.Ring.Object)
	}
	if err := checkMembers(e.Ring.Members); err != nil {
		return fmt.Errorf("%w: %w", ErrChain, err)
	}
	body := wire.Marshal(endorsed{Ring: e.Ring.ID(), Overrides: e.Overrides})
	if err := verify(g.Owner, TagEndorse, body, e.Signature); err != nil {
		return fmt.Errorf("%w: endorsement: %w", ErrChain, err)
	}
	return nil
}

// Link leads from one ring to the next. Without an override, Commit is the old
// ring's certificate whose decision names the new ring. With one, it is the
// last certificate known of the old ring, from whose version the new one goes
// on; nil is where the chain stands without it.
type Link struct {
	_        struct{} `cbor:",toarray"`
	Ring     RingCert
	Commit   *Certificate
	Override *Override
}

// Override replaces a ring of which more than f members are lost. It may
// discard versions that the lost ring acknowledged after the one it goes on
// from, so it is counted, and readers compare the count first.
type Override struct {
	_         struct{} `cbor:",toarray"`
	Number    uint64   // of the object's overrides, from 1
	Signature wire.Signature
}

// overridden is what the signature of an Override is over.
type overridden struct {
	_      struct{}        `cbor:",toarray"`
	Ring   wire.RingCertID // the new one
	From   wire.VersionID  // goes on from here; zero for version 0
	Number uint64
}

// SignOverride signs, as the owner, that a new ring goes on from a version.
func SignOverride(owner wire.Signer, ring RingCert, from wire.VersionID, number uint64) Override {
	body := wire.Marshal(overridden{Ring: ring.ID(), From: from, Number: number})
	return Override{Number: number, Signature: owner.Sign(TagOverride, body)}
}

// position is how far a reader has followed a chain.
type position struct {
	verify    Verifier
	owner     wire.PublicKey
	ring      RingCert
	overrides uint64
	base      wire.Version // that the ring goes on from
	last      Decision     // zero: version 0, or none shown yet
	known     bool         // last is known; false just after an endorsement
}

// begin returns the start of the chain: the owner's endorsement or the genesis.
func begin(g GenesisBody, object wire.ObjectID, e *Endorsement, verify Verifier) (position, error) {
	if e == nil {
		return position{verify: verify, owner: g.Owner, ring: g.Ring(), known: true}, nil
	}
	err := e.verify(g, object, verify)
	return position{verify: verify, owner: g.Owner, ring: e.Ring, overrides: e.Overrides}, err
}

// follow goes one link further.
func (p *position) follow(l Link) error {
	if err := l.Ring.Follows(p.ring); err != nil {
		return fmt.Errorf("%w: %w", ErrChain, err)
	}
	if l.Override != nil {
		return p.override(l)
	}
	if l.Commit == nil {
		return fmt.Errorf("%w: nothing leads to epoch %d", ErrChain, l.Ring.Epoch)
	}
	if err := p.commit(*l.Commit); err != nil {
		return err
	}
	if p.last.NextRing != l.Ring.ID() {
		return fmt.Errorf("%w: version %d does not lead to the ring of epoch %d", ErrChain, p.last.Version, l.Ring.Epoch)
	}
	p.ring, p.base = l.Ring, p.last.Version
	return nil
}

func (p *position) override(l Link) error {
	if l.Commit != nil {
		if err := p.commit(*l.Commit); err != nil {
			return err
		}
	}
	if !p.known || l.Override.Number != p.overrides+1 {
		return fmt.Errorf("%w: override %d after %d", ErrChain, l.Override.Number, p.overrides)
	}
	var from wire.VersionID
	if p.last.Version > 0 {
		from = p.last.ID()
	}
	body := wire.Marshal(overridden{Ring: l.Ring.ID(), From: from, Number: l.Override.Number})
	if err := p.verify(p.owner, TagOverride, body, l.Override.Signature); err != nil {
		return fmt.Errorf("%w: override: %w", ErrChain, err)
	}
	p.ring, p.overrides, p.base = l.Ring, l.Override.Number, p.last.Version
	return nil
}

// commit takes a commit certificate of the ring that the chain has reached.
func (p *position) commit(c Certificate) error {
	if err := c.verify(Commit, p.ring, p.verify); err != nil {
		return fmt.Errorf("%w: %w", ErrChain, err)
	}
	d := c.Decision
	if p.known {
		if d.Version <= p.last.Version {
			return fmt.Errorf("%w: version %d after %d", ErrChain, d.Version, p.last.Version)
		}
		if p.last.Version > 0 && d.Version == p.last.Version+1 && d.Previous != p.last.ID() {
			return fmt.Errorf("%w: version %d does not follow from %d", ErrChain, d.Version, p.last.Version)
		}
	}
	p.last, p.known = d, true
	return nil
}
