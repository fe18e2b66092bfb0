package bft

import (
	"cmp"
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

// Limits of a head record beside wire.HeadBytesMax.
const (
	// HintBytesMax is the most bytes of the hint: with it, the genesis of a ring
	// of ten and three links of its chain fit in a record.
	HintBytesMax = 24 << 10
	// LinksMax is the most links of the chain: the owner's endorsement shortens
	// it. It bounds the signatures that a reader must check.
	LinksMax = 32
)

const headFormat = 1

// ErrHead is returned for a head record that is malformed or proves nothing.
var ErrHead = errors.New("bad head record")

// Head proves the newest version of an object that its sender knows, to anyone
// who knows the object's name.
type Head struct {
	_       struct{} `cbor:",toarray"`
	Format  uint64   // 1
	Genesis Genesis
	Base    *Endorsement // where the chain begins; nil: at the genesis' ring
	Links   []Link       // from there to the present ring
	Commit  *Certificate // of the present ring; nil if it has decided nothing yet
	Hint    []byte       // unsigned: where archives lie
}

// NewHead returns the head of an object that is still ordered by its first
// ring. Commit is nil for version 0.
func NewHead(g Genesis, commit *Certificate) Head {
	return Head{Format: headFormat, Genesis: g, Commit: commit}
}

// Encode returns the canonical encoding; more than wire.HeadBytesMax bytes is
// an error that matches ErrHead.
func (h Head) Encode() ([]byte, error) {
	b := wire.Marshal(h)
	if len(b) > wire.HeadBytesMax || len(h.Hint) > HintBytesMax {
		return nil, fmt.Errorf("%w: %d bytes with a hint of %d, limits %d and %d", ErrHead, len(b), len(h.Hint), wire.HeadBytesMax, HintBytesMax)
	}
	return b, nil
}

// ParseHead parses what Encode writes. It checks no signature: Verify does. The
// error matches ErrHead.
func ParseHead(b []byte) (Head, error) {
	var h Head
	if err := wire.Unmarshal(b, &h, wire.HeadBytesMax); err != nil {
		return Head{}, fmt.Errorf("%w: %v", ErrHead, err)
	}
	if err := h.check(); err != nil {
		return Head{}, err
	}
	return h, nil
}

func (h Head) check() error {
	switch {
	case h.Format != headFormat:
		return fmt.Errorf("%w: format %d, this release reads %d", ErrHead, h.Format, headFormat)
	case len(h.Hint) > HintBytesMax:
		return fmt.Errorf("%w: hint of %d bytes, limit %d", ErrHead, len(h.Hint), HintBytesMax)
	case len(h.Links) > LinksMax:
		return fmt.Errorf("%w: %d links, limit %d", ErrHead, len(h.Links), LinksMax)
	}
	return nil
}

// Verified is what a head record proves.
type Verified struct {
	Ring      RingCert // the present one
	Epoch     wire.Epoch
	Overrides uint64
	Base      wire.Version   // that the ring goes on from, if the chain shows it
	Decision  Decision       // zero for version 0
	Version   wire.VersionID // zero for version 0
}

// Verify checks a head record from the object's name on, every signature of
// it. The error matches ErrHead.
func (h Head) Verify(object wire.ObjectID) (Verified, error) {
	signatures := newGathered(len(h.Genesis.Acceptances) + 1)
	v, err := h.verify(object, signatures.add)
	if err == nil && signatures.good() {
		return v, nil
	}
	return h.verify(object, Ed25519) // which of them is bad
}

// Stored is Verify for a head whose parts this peer has checked before it stored
// them: their signatures are taken for good.
func (h Head) Stored(object wire.ObjectID) (Verified, error) {
	return h.verify(object, stored)
}

func (h Head) verify(object wire.ObjectID, verify Verifier) (Verified, error) {
	id, err := h.Genesis.verify(verify)
	if err != nil {
		return Verified{}, fmt.Errorf("%w: %w", ErrHead, err)
	}
	if id != object {
		return Verified{}, fmt.Errorf("%w: for object %v, not %v", ErrHead, id, object)
	}
	p, err := begin(h.Genesis.Body, object, h.Base, verify)
	if err != nil {
		return Verified{}, fmt.Errorf("%w: %w", ErrHead, err)
	}
	for _, l := range h.Links {
		if err := p.follow(l); err != nil {
			return Verified{}, fmt.Errorf("%w: %w", ErrHead, err)
		}
	}
	if h.Commit != nil {
		if err := p.commit(*h.Commit); err != nil {
			return Verified{}, fmt.Errorf("%w: %w", ErrHead, err)
		}
	}
	if !p.known {
		return Verified{}, fmt.Errorf("%w: an endorsed ring and no version", ErrHead)
	}
	return p.verified(), nil
}

func (p position) verified() Verified {
	v := Verified{Ring: p.ring, Epoch: p.ring.Epoch, Overrides: p.overrides, Base: p.base, Decision: p.last}
	if p.last.Version > 0 {
		v.Version = p.last.ID()
	}
	return v
}

// Compare orders what two head records of one object prove: -1 if a is older
// than b, 1 if it is newer, 0 if neither. Overrides come first, since an owner
// who recovers may discard versions.
func Compare(a, b Verified) int {
	return cmp.Or(
		cmp.Compare(a.Overrides, b.Overrides),
		cmp.Compare(a.Epoch, b.Epoch),
		cmp.Compare(a.Decision.Version, b.Decision.Version))
}
