package envelope

import (
	"fmt"
	"io"

	"github.com/atollnet/atoll/internal/wire"
)

// SealBlockKey seals the key of a block for who reads the file whose Secrets
// these are. Neither the offset nor the extent is bound: the executor assigns
// offsets, and extents are repacked. The result has 104 bytes.
func (s Secrets) SealBlockKey(random io.Reader, key BlockKey) ([]byte, error) {
	plain := append(key.Key[:], key.Hash[:]...)
	return sealRandom(random, s.blockKey, plain, nil)
}

// OpenBlockKey opens what SealBlockKey sealed. The error matches ErrSealed.
func (s Secrets) OpenBlockKey(sealed []byte) (key BlockKey, err error) {
	plain, _, err := unseal(s.blockKey, sealed, nil)
	if err == nil && len(plain) != len(key.Key)+len(key.Hash) {
		err = ErrSealed
	}
	if err != nil {
		return key, fmt.Errorf("key of a block: %w", err)
	}
	copy(key.Hash[:], plain[copy(key.Key[:], plain):])
	return key, nil
}

// SealInline seals a block that stands in its block reference, with
// SealedOverhead. A plaintext that is empty or above wire.InlineBytesMax is the
// caller's mistake and panics.
func (s Secrets) SealInline(random io.Reader, plaintext []byte) ([]byte, error) {
	if len(plaintext) == 0 || len(plaintext) > wire.InlineBytesMax {
		panic(fmt.Sprintf("envelope: inline block of %d bytes", len(plaintext)))
	}
	return sealRandom(random, s.inline, plaintext, nil)
}

// OpenInline opens what SealInline sealed. The error matches ErrSealed.
func (s Secrets) OpenInline(sealed []byte) ([]byte, error) {
	if len(sealed) <= SealedOverhead || len(sealed) > wire.InlineBytesMax+SealedOverhead {
		return nil, fmt.Errorf("inline block of %d sealed bytes: %w", len(sealed), ErrSealed)
	}
	plain, _, err := unseal(s.inline, sealed, nil)
	if err != nil {
		return nil, fmt.Errorf("inline block: %w", err)
	}
	return plain, nil
}
