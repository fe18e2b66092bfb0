package bft

import (
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

const (
	exhibitFormat = 1
	// exhibitEvidenceMax is the most evidence in one exhibit: more than there are
	// members of a ring.
	exhibitEvidenceMax = 16
	// ExhibitBytesMax is the most bytes of an encoded exhibit.
	ExhibitBytesMax = ProofBytesMax + exhibitEvidenceMax*EvidenceBytesMax
)

// ErrExhibit is returned for an exhibit that shows nothing of the object.
var ErrExhibit = errors.New("bad exhibit")

// Exhibit is evidence together with the chain of rings that it is about, so that
// who has nothing but an object's name can check it, offline.
type Exhibit struct {
	_        struct{} `cbor:",toarray"`
	Format   uint64   // 1
	Head     Head     // whose chain holds the rings; without a hint
	Evidence []Evidence
}

// Lie is what an exhibit shows of one member, or of a ring.
type Lie struct {
	Epoch wire.Epoch
	Peer  wire.PeerID // has signed two decisions on one version; zero: see Forked
	// Forked means that the ring has certified two histories: more members have
	// lied than may.
	Forked bool
}

// String returns a sentence for people.
func (l Lie) String() string {
	if l.Forked {
		return fmt.Sprintf("epoch %d: the ring has certified two histories", l.Epoch)
	}
	return fmt.Sprintf("epoch %d: %v has signed two decisions on one version", l.Epoch, l.Peer)
}

// NewExhibit joins a head that has been verified and evidence that is about rings
// in its chain; what exceeds the limit is left out.
func NewExhibit(h Head, all []Evidence) Exhibit {
	h.Hint = nil
	return Exhibit{Format: exhibitFormat, Head: h, Evidence: all[:min(len(all), exhibitEvidenceMax)]}
}

// Encode returns the canonical encoding.
func (x Exhibit) Encode() []byte { return wire.Marshal(x) }

// ParseExhibit parses what Encode writes; Verify checks it. The error matches
// ErrExhibit.
func ParseExhibit(b []byte) (Exhibit, error) {
	var x Exhibit
	if err := wire.Unmarshal(b, &x, ExhibitBytesMax); err != nil {
		return Exhibit{}, fmt.Errorf("%w: %v", ErrExhibit, err)
	}
	switch {
	case x.Format != exhibitFormat:
		return Exhibit{}, fmt.Errorf("%w: format %d, this release reads %d", ErrExhibit, x.Format, exhibitFormat)
	case len(x.Evidence) > exhibitEvidenceMax:
		return Exhibit{}, fmt.Errorf("%w: %d pieces of evidence, limit %d", ErrExhibit, len(x.Evidence), exhibitEvidenceMax)
	case len(x.Head.Hint) > 0:
		return Exhibit{}, fmt.Errorf("%w: a head with a hint", ErrExhibit)
	}
	if err := x.Head.check(); err != nil {
		return Exhibit{}, fmt.Errorf("%w: %w", ErrExhibit, err)
	}
	return x, nil
}

// Verify returns what all of the evidence shows about rings of the object, each
// lie once. The error matches ErrExhibit, ErrHead or ErrEvidence.
func (x Exhibit) Verify(object wire.ObjectID) (lies []Lie, err error) {
	if _, err := x.Head.Verify(object); err != nil {
		return nil, err
	}
	if len(x.Evidence) == 0 {
		return nil, fmt.Errorf("%w: no evidence", ErrExhibit)
	}
	seen := make(map[Lie]bool)
	for _, e := range x.Evidence {
		found, err := x.Head.Expose(e)
		if err != nil {
			return nil, err
		}
		for _, l := range found {
			if !seen[l] {
				seen[l] = true
				lies = append(lies, l)
			}
		}
	}
	return lies, nil
}

// Expose returns what evidence shows about a ring in a verified head's chain. The
// error matches ErrExhibit, if the ring is in another, or ErrEvidence.
func (h Head) Expose(e Evidence) (lies []Lie, err error) {
	if !h.holds(e.Ring.ID()) {
		return nil, fmt.Errorf("%w: of a ring that is not the object's", ErrExhibit)
	}
	guilty, err := e.Verify()
	if err != nil {
		return nil, err
	}
	if guilty.Forked {
		lies = append(lies, Lie{Epoch: e.Ring.Epoch, Forked: true})
	}
	for i, m := range e.Ring.Members {
		if guilty.Members&(1<<i) != 0 {
			lies = append(lies, Lie{Epoch: e.Ring.Epoch, Peer: m.Peer})
		}
	}
	return lies, nil
}

// holds reports whether a ring is in the chain.
func (h Head) holds(id wire.RingCertID) bool {
	if h.Genesis.Body.Ring().ID() == id || h.Base != nil && h.Base.Ring.ID() == id {
		return true
	}
	for _, l := range h.Links {
		if l.Ring.ID() == id {
			return true
		}
	}
	return false
}
