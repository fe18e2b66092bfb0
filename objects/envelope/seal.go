package envelope

import (
	"fmt"
	"io"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/atollnet/atoll/internal/wire"
)

// SealedOverhead is what sealing adds to everything but blocks, in bytes: the
// nonce of XChaCha20-Poly1305 in front and its tag behind.
const SealedOverhead = chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead

type nonce [chacha20poly1305.NonceSizeX]byte

// sealRandom seals under a random nonce. At 24 bytes no two nonces are ever
// alike, however many are drawn.
func sealRandom(random io.Reader, key [keySize]byte, plain, data []byte) ([]byte, error) {
	var n nonce
	if _, err := io.ReadFull(random, n[:]); err != nil {
		return nil, fmt.Errorf("draw nonce: %w", err)
	}
	return seal(key, n, plain, data), nil
}

// seal returns nonce, ciphertext, tag. The caller sees to it that no two
// plaintexts meet under one key and nonce.
func seal(key [keySize]byte, n nonce, plain, data []byte) []byte {
	out := make([]byte, len(n), len(plain)+SealedOverhead)
	copy(out, n[:])
	return newAEAD(key).Seal(out, n[:], plain, data)
}

// unseal opens what seal returned, with the same additional data.
func unseal(key [keySize]byte, sealed, data []byte) (plain []byte, n nonce, err error) {
	if len(sealed) < SealedOverhead {
		return nil, n, ErrSealed
	}
	body := sealed[copy(n[:], sealed):]
	plain, err = newAEAD(key).Open(nil, n[:], body, data)
	if err != nil {
		return nil, n, ErrSealed
	}
	return plain, n, nil
}

// aead is what this package uses of cipher.AEAD.
type aead interface {
	Seal(dst, nonce, plaintext, additionalData []byte) []byte
	Open(dst, nonce, ciphertext, additionalData []byte) ([]byte, error)
}

func newAEAD(key [keySize]byte) aead {
	a, err := chacha20poly1305.NewX(key[:])
	if err != nil {
		panic(err) // only for keys of another length
	}
	return a
}

// SealChildKey seals the node key of an entry for who reads the directory
// whose Secrets these are. The result has 72 bytes.
func (s Secrets) SealChildKey(random io.Reader, child wire.NodeID, key NodeKey) ([]byte, error) {
	return sealRandom(random, s.child, key[:], child[:])
}

// OpenChildKey opens what SealChildKey sealed for the same child. The error
// matches ErrSealed.
func (s Secrets) OpenChildKey(child wire.NodeID, sealed []byte) (key NodeKey, err error) {
	plain, _, err := unseal(s.child, sealed, child[:])
	if err == nil && len(plain) != len(key) {
		err = ErrSealed
	}
	if err != nil {
		return key, fmt.Errorf("key of an entry: %w", err)
	}
	return NodeKey(plain), nil
}
