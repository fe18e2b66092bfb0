package update

import (
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// TagUpdate is the kind of statement that a signed update is.
const TagUpdate wire.Tag = "atoll/v1/update"

// FormatCurrent is the format of updates that this release writes.
const FormatCurrent = 1

// ErrUpdate is returned for bytes that are no update, whoever signed them.
var ErrUpdate = errors.New("malformed update")

// Update is what an author asks of an object.
type Update struct {
	_       struct{} `cbor:",toarray"`
	Format  uint64   // FormatCurrent; Sign sets it
	Object  wire.ObjectID
	Author  wire.PublicKey // Sign sets it
	Session wire.SessionID // random, one for each run of the author's gateway
	Seq     wire.Seq       // from 1; used once in its session
	// Until is the last version that may execute the update; a later one
	// refuses it. It may be at most SessionVersions after the version that
	// does, so that nobody can send the update again when the session that
	// remembers it has left the state. The newest known version plus
	// SessionVersions is always right.
	Until   wire.Version
	Clauses []Clause    // at least one, tried in order
	Extents []NewExtent // those that the clauses refer to and the state lacks
}

// Clause is done as a whole, if all of its predicates hold.
type Clause struct {
	_          struct{} `cbor:",toarray"`
	Predicates []Predicate
	Actions    []Action // done in order
}

// NewExtent is an extent and the receipts of its first holders.
type NewExtent struct {
	_        struct{} `cbor:",toarray"`
	Manifest []byte   // as extent.Manifest.Encode writes it
	Receipts []extent.CompactReceipt
}

// envelope is a signed update on the wire.
type envelope struct {
	_         struct{} `cbor:",toarray"`
	Body      []byte   // the encoded Update
	Signature wire.Signature
}

// Signed is an update with its signature and its name. It is made by Sign and
// Parse alone.
type Signed struct {
	Update
	ID        wire.UpdateID // the hash of the body
	body      []byte
	signature wire.Signature
	extents   map[wire.ExtentID]*broughtExtent
	authentic bool // the author's signature is known to be good
	verified  bool
	verifyErr error
}

// broughtExtent is a NewExtent that has been looked at.
type broughtExtent struct {
	manifest *extent.Manifest
	receipts []extent.CompactReceipt
}

// Sign signs an update as its author. An update that breaks a limit is signed
// all the same; Parse and every ring refuse it.
func Sign(author wire.Signer, u Update) *Signed {
	u.Format, u.Author = FormatCurrent, author.Public()
	body := wire.Marshal(u)
	return newSigned(u, envelope{Body: body, Signature: author.Sign(TagUpdate, body)})
}

func newSigned(u Update, e envelope) *Signed {
	id := wire.UpdateID(wire.Derive(wire.ContextUpdate, e.Body))
	return &Signed{Update: u, ID: id, body: e.Body, signature: e.Signature}
}

// Encode returns the signed update, at most wire.UpdateBytesMax bytes if Parse
// is to take it.
func (s *Signed) Encode() []byte {
	return wire.Marshal(envelope{Body: s.body, Signature: s.signature})
}

// Parse parses what Encode writes and checks its shape, not its signatures.
// The error matches ErrUpdate. A ring that has ordered bytes that do not parse
// gives Apply a nil for them.
func Parse(b []byte) (*Signed, error) {
	var e envelope
	var u Update
	if err := wire.Unmarshal(b, &e, wire.UpdateBytesMax); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUpdate, err)
	}
	if err := wire.Unmarshal(e.Body, &u, wire.UpdateBytesMax); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUpdate, err)
	}
	if err := u.valid(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUpdate, err)
	}
	return newSigned(u, e), nil
}

// valid checks what can be seen without the state.
func (u *Update) valid() error {
	switch {
	case u.Format != FormatCurrent:
		return fmt.Errorf("format %d, this release reads %d", u.Format, FormatCurrent)
	case u.Seq == 0:
		return errors.New("sequence number 0")
	case len(u.Clauses) == 0:
		return errors.New("no clause")
	}
	for i, c := range u.Clauses {
		for _, p := range c.Predicates {
			if err := p.valid(); err != nil {
				return fmt.Errorf("clause %d: %w", i, err)
			}
		}
		for _, a := range c.Actions {
			if err := a.valid(); err != nil {
				return fmt.Errorf("clause %d: %w", i, err)
			}
		}
	}
	return nil
}

// Verify checks the author's signature, the manifests and the receipts of the
// new extents. It is most of the work of an update and depends on nothing else:
// hosts do it beforehand and in parallel, and Apply only if nobody has. The
// result is remembered; one Signed must not be verified from two goroutines at
// once.
func (s *Signed) Verify() error {
	if !s.verified {
		s.verifyErr = s.verify()
		s.verified = true
	}
	return s.verifyErr
}

func (s *Signed) verify() error {
	if !s.authentic {
		if err := s.Author.Verify(TagUpdate, s.body, s.signature); err != nil {
			return err
		}
	}
	s.extents = make(map[wire.ExtentID]*broughtExtent, len(s.Extents))
	for _, x := range s.Extents {
		m, err := extent.ParseManifest(x.Manifest)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUpdate, err)
		}
		if err := s.verifyReceipts(m, x.Receipts); err != nil {
			return err
		}
		s.extents[extent.IDOf(x.Manifest)] = &broughtExtent{m, x.Receipts}
	}
	return nil
}

// verifyReceipts checks that each receipt is for another share, in ascending
// order, and signed.
func (s *Signed) verifyReceipts(m *extent.Manifest, receipts []extent.CompactReceipt) error {
	for i, r := range receipts {
		if i > 0 && r.Share <= receipts[i-1].Share {
			return fmt.Errorf("%w: receipts out of order", ErrUpdate)
		}
		if err := r.Expand(s.Object, s.Author, m).Verify(); err != nil {
			return err
		}
	}
	return nil
}

// enough reports whether as many holders have signed as a policy asks for.
func (x *broughtExtent) enough(p Policy) bool {
	holders := make(map[wire.PeerID]bool, len(x.receipts))
	for _, r := range x.receipts {
		holders[r.Holder] = true
	}
	return len(x.receipts) >= p.Enough(int(x.manifest.K), int(x.manifest.N), len(holders))
}
