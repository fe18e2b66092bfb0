package wire

import (
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519/extra/cache"
)

// Batch checks many signatures at once, which takes about half the time of
// checking each. By the rules of ZIP-215 both say the same of every input, but
// for odds of 2^-128 that draw on the system's randomness.
type Batch struct {
	verifier *ed25519.BatchVerifier
	count    int
}

// keysMax is the most public keys that are kept decoded, for those who sign
// again, at about 3 KiB each. A key that is not among them costs time only.
const keysMax = 512

var (
	zip215 = &ed25519.Options{Verify: ed25519.VerifyOptionsZIP_215}
	keys   = cache.NewVerifier(cache.NewLRUCache(keysMax))
)

// NewBatch returns a batch with room for n signatures.
func NewBatch(n int) *Batch {
	return &Batch{verifier: ed25519.NewBatchVerifierWithCapacity(n)}
}

// Add adds what PublicKey.Verify would check.
func (b *Batch) Add(k PublicKey, t Tag, body []byte, s Signature) {
	keys.AddWithOptions(b.verifier, k[:], message(t, body), s[:], zip215)
	b.count++
}

// Good reports whether all signatures verify; if not, each must be checked on
// its own to find the bad ones.
func (b *Batch) Good() bool { return b.count == 0 || b.verifier.VerifyBatchOnly(nil) }
