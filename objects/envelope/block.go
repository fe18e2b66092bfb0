package envelope

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

// BlockKey opens one sealed block and says what must come out.
type BlockKey struct {
	Key  [keySize]byte // AES-256-GCM
	Hash wire.Hash     // plain BLAKE3-256 of the plaintext
}

// String keeps keys out of logs and messages.
func (BlockKey) String() string { return "(block key)" }

// BlockKey returns the key of a block: the keyed BLAKE3 of its plaintext's
// hash. Equal plaintexts have equal keys within a volume, and nowhere else.
func (s Secrets) BlockKey(plaintext []byte) BlockKey {
	hash := wire.Sum(plaintext)
	return BlockKey{Key: keyedHash(s.block, hash[:]), Hash: hash}
}

// blockNonce is zero, always. GCM is broken by two messages under one key and
// nonce; here a key has exactly one message. The key is a pseudo-random
// function of the plaintext's hash, so sealing the same plaintext again gives
// the same ciphertext and tells nothing new, and another plaintext has the same
// key only if BLAKE3 collides, with probability 2^-128. That is also why nothing
// may come between hashing and sealing (no compression, no padding, no
// additional data), and why the block secret serves for nothing else.
var blockNonce [12]byte

// SealBlock appends the sealed plaintext to dst: as many bytes and
// wire.SealOverhead more. It allocates nothing of that size if dst has room.
// key must be what BlockKey returned for this very plaintext, which is not
// checked, as that would be a second pass. To seal in place pass plaintext[:0]
// as dst. A plaintext that is empty or above wire.BlockBytesMax panics.
func SealBlock(dst, plaintext []byte, key BlockKey) []byte {
	if len(plaintext) == 0 || len(plaintext) > wire.BlockBytesMax {
		panic(fmt.Sprintf("envelope: block of %d bytes", len(plaintext)))
	}
	return newGCM(key).Seal(dst, blockNonce[:], plaintext, nil)
}

// OpenBlock appends the plaintext of a sealed block to dst. To open in place
// pass sealed[:0] as dst. The hash is checked because GCM does not commit to its
// key: without the check an author could make one ciphertext that reads
// differently under two keys. On error, which matches ErrSealed, nothing
// of dst beyond its length may be used.
func OpenBlock(dst, sealed []byte, key BlockKey) ([]byte, error) {
	if len(sealed) <= wire.SealOverhead || len(sealed) > wire.SealedBytesMax {
		return nil, fmt.Errorf("block of %d sealed bytes: %w", len(sealed), ErrSealed)
	}
	out, err := newGCM(key).Open(dst, blockNonce[:], sealed, nil)
	if err != nil {
		return nil, fmt.Errorf("block: %w", ErrSealed)
	}
	if plain := out[len(dst):]; wire.Sum(plain) != key.Hash {
		clear(plain)
		return nil, fmt.Errorf("block with another hash: %w", ErrSealed)
	}
	return out, nil
}

func newGCM(key BlockKey) cipher.AEAD {
	b, err := aes.NewCipher(key.Key[:])
	if err != nil {
		panic(err) // only for keys of another length
	}
	gcm, err := cipher.NewGCM(b)
	if err != nil {
		panic(err) // only for ciphers of another block size
	}
	return gcm
}
