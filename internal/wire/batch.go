package wire

import (
	"crypto/ed25519"

	"github.com/hdevalence/ed25519consensus"
)

// Batch checks many signatures at once, which takes half the time of checking
// each. By the rules of ZIP-215 both say the same of every input, but for odds
// of 2^-128 that draw on the system's randomness.
type Batch struct {
	verifier ed25519consensus.BatchVerifier
	count    int
}

// NewBatch returns a batch with room for n signatures.
func NewBatch(n int) *Batch {
	return &Batch{verifier: ed25519consensus.NewPreallocatedBatchVerifier(n)}
}

// Add adds what PublicKey.Verify would check.
func (b *Batch) Add(k PublicKey, t Tag, body []byte, s Signature) {
	b.verifier.Add(ed25519.PublicKey(k[:]), message(t, body), s[:])
	b.count++
}

// Good reports whether all signatures verify; if not, each must be checked on
// its own to find the bad ones.
func (b *Batch) Good() bool { return b.count == 0 || b.verifier.Verify() }
