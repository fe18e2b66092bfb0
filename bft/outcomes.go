package bft

import (
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

// The contexts of the tree over a version's outcomes. Leaves and inner nodes
// have their own, so that neither can pass for the other.
const (
	contextOutcome      wire.Context = "atoll/v1/outcome"
	contextOutcomeInner wire.Context = "atoll/v1/outcome-inner"
)

// outcomeDepthMax is the depth of the tree over a full batch.
const outcomeDepthMax = 8

// ErrOutcome is returned for a proof that does not show the outcome.
var ErrOutcome = errors.New("bad proof of an outcome")

// listed is a leaf: what was asked, and what came of it.
type listed struct {
	_       struct{} `cbor:",toarray"`
	Request wire.Hash
	Outcome []byte
}

func (l listed) hash() wire.Hash { return wire.Hash(wire.Derive(contextOutcome, wire.Marshal(l))) }

// OutcomeProof shows that an update had an outcome in a version, to one who has
// the version's certificate, without the other updates: the path of a Merkle
// tree (the tree of RFC 6962, section 2.1).
type OutcomeProof struct {
	_     struct{}    `cbor:",toarray"`
	Index uint64      // of the update in the batch
	Count uint64      // of the batch; it shapes the path, and is not proved itself
	Path  []wire.Hash // siblings, from the leaf up
}

// Digest returns the root of the tree over (request, outcome) of the batch,
// which a decision holds. It proves a batch without executing it.
func (b Batch) Digest() wire.Hash { return outcomeRoot(b.leaves()) }

// Prove returns the proof for each update.
func (b Batch) Prove() []OutcomeProof {
	leaves := b.leaves()
	proofs := make([]OutcomeProof, len(leaves))
	for i := range proofs {
		proofs[i] = OutcomeProof{Index: uint64(i), Count: uint64(len(leaves))}
	}
	prove(leaves, proofs)
	return proofs
}

// Verify checks that the decision gives the update this outcome. The error
// matches ErrOutcome.
func (p OutcomeProof) Verify(d Decision, update, outcome []byte) error {
	if p.Count == 0 || p.Count > wire.BatchUpdatesMax || p.Index >= p.Count || len(p.Path) > outcomeDepthMax {
		return fmt.Errorf("%w: update %d of %d", ErrOutcome, p.Index, p.Count)
	}
	leaf := listed{Request: RequestID(update), Outcome: outcome}.hash()
	root, rest := climb(leaf, int(p.Index), int(p.Count), p.Path)
	if len(rest) > 0 || root != d.Outcomes {
		return fmt.Errorf("%w: not that of version %d", ErrOutcome, d.Version)
	}
	return nil
}

func (b Batch) leaves() []wire.Hash {
	leaves := make([]wire.Hash, len(b.Updates))
	for i, u := range b.Updates {
		leaves[i] = listed{Request: RequestID(u), Outcome: b.Outcomes[i]}.hash()
	}
	return leaves
}

// split is the largest power of two below n: so many leaves lie on the left.
func split(n int) int {
	k := 1
	for k*2 < n {
		k *= 2
	}
	return k
}

func inner(left, right wire.Hash) wire.Hash {
	return wire.Hash(wire.Derive(contextOutcomeInner, left[:], right[:]))
}

func outcomeRoot(leaves []wire.Hash) wire.Hash {
	switch len(leaves) {
	case 0:
		return wire.Hash{} // of no batch
	case 1:
		return leaves[0]
	}
	k := split(len(leaves))
	return inner(outcomeRoot(leaves[:k]), outcomeRoot(leaves[k:]))
}

// prove appends to each leaf's path what it lacks of this tree, and returns the
// root.
func prove(leaves []wire.Hash, proofs []OutcomeProof) wire.Hash {
	if len(leaves) < 2 {
		return outcomeRoot(leaves)
	}
	k := split(len(leaves))
	left, right := prove(leaves[:k], proofs[:k]), prove(leaves[k:], proofs[k:])
	for i := range proofs {
		sibling := left
		if i < k {
			sibling = right
		}
		proofs[i].Path = append(proofs[i].Path, sibling)
	}
	return inner(left, right)
}

// climb goes from a leaf to the root of the tree over n leaves and returns what
// is left of the path; a path that is too short leads to no root.
func climb(leaf wire.Hash, i, n int, path []wire.Hash) (wire.Hash, []wire.Hash) {
	if n == 1 {
		return leaf, path
	}
	k := split(n)
	below, size := i, k
	if i >= k {
		below, size = i-k, n-k
	}
	h, rest := climb(leaf, below, size, path)
	if len(rest) == 0 {
		return wire.Hash{}, nil
	}
	if i < k {
		return inner(h, rest[0]), rest[1:]
	}
	return inner(rest[0], h), rest[1:]
}
