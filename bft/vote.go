package bft

import (
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

// Kind tells the two rounds of votes apart.
type Kind uint8

// The kinds.
const (
	Prepare Kind = iota + 1 // I have executed the proposal and its result is right
	Commit                  // I know that 2f+1 members prepared it in this view
)

// The kinds' tags. A vote signs tag ‖ view ‖ decision; the decision's hash
// covers object, epoch and ring, so no vote counts anywhere else.
const (
	TagPrepare wire.Tag = "atoll/v1/prepare"
	TagCommit  wire.Tag = "atoll/v1/commit"
)

func (k Kind) tag() wire.Tag {
	if k == Commit {
		return TagCommit
	}
	return TagPrepare
}

func (k Kind) valid() bool { return k == Prepare || k == Commit }

// String returns the kind in traces.
func (k Kind) String() string {
	switch k {
	case Prepare:
		return "prepare"
	case Commit:
		return "commit"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Ballot is what a vote is for: a decision in a view.
type Ballot struct {
	_        struct{} `cbor:",toarray"`
	View     wire.View
	Decision wire.VersionID
}

// SignVote signs a ballot as a member of the ring that the decision names.
func SignVote(member wire.Signer, k Kind, b Ballot) wire.Signature {
	return member.Sign(k.tag(), wire.Marshal(b))
}

// Verifier checks a signature; wire.PublicKey.Verify, or what stands for it in
// a simulation.
type Verifier func(key wire.PublicKey, t wire.Tag, body []byte, s wire.Signature) error

// Ed25519 is the Verifier for everything real.
func Ed25519(key wire.PublicKey, t wire.Tag, body []byte, s wire.Signature) error {
	return key.Verify(t, body, s)
}

// stored is a Verifier of what this peer has checked before it stored it.
func stored(wire.PublicKey, wire.Tag, []byte, wire.Signature) error { return nil }

// gathered are signatures that are checked together, in less time than each on
// its own.
type gathered struct{ batch *wire.Batch }

func newGathered(n int) gathered { return gathered{wire.NewBatch(n)} }

// add is a Verifier that takes a signature for good until good is asked.
func (g gathered) add(key wire.PublicKey, t wire.Tag, body []byte, s wire.Signature) error {
	g.batch.Add(key, t, body, s)
	return nil
}

func (g gathered) good() bool { return g.batch.Good() }

func (v Verifier) vote(key wire.PublicKey, k Kind, b Ballot, s wire.Signature) error {
	return v(key, k.tag(), wire.Marshal(b), s)
}
