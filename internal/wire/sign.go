package wire

import (
	"crypto/ed25519"
	"errors"
)

// PublicKey is an Ed25519 public key.
type PublicKey [32]byte

// String returns the text form.
func (k PublicKey) String() string { return EncodeText(k[:]) }

// IsZero reports whether the key is unset.
func (k PublicKey) IsZero() bool { return k == PublicKey{} }

// ParsePublicKey parses the text form of a PublicKey.
func ParsePublicKey(s string) (k PublicKey, err error) { return k, DecodeText(k[:], s) }

// Signature is an Ed25519 signature.
type Signature [64]byte

// Tag separates signatures of different kinds of statement, so that none is
// valid for another. A tag is "atoll/v1/" and the kind, and holds no zero byte.
type Tag string

// ErrSignature is returned for a signature that does not verify.
var ErrSignature = errors.New("signature does not verify")

// message is what is signed: the tag, a zero byte that ends it, the body.
func message(t Tag, body []byte) []byte {
	m := make([]byte, 0, len(t)+1+len(body))
	m = append(m, t...)
	m = append(m, 0)
	return append(m, body...)
}

// Signer signs statements; a private key in memory, or what stands for one.
type Signer interface {
	Public() PublicKey
	Sign(t Tag, body []byte) Signature
}

// Key is an Ed25519 private key in memory.
type Key struct {
	private ed25519.PrivateKey
	public  PublicKey
}

// NewKey returns the key of a 32-byte seed (RFC 8032 section 5.1.5).
func NewKey(seed [32]byte) Key {
	private := ed25519.NewKeyFromSeed(seed[:])
	return Key{private, PublicKey(private.Public().(ed25519.PublicKey))}
}

// Public returns the public half.
func (k Key) Public() PublicKey { return k.public }

// Sign signs body as a statement of kind t.
func (k Key) Sign(t Tag, body []byte) (s Signature) {
	copy(s[:], ed25519.Sign(k.private, message(t, body)))
	return s
}

// Seed returns the secret that NewKey makes the key from.
func (k Key) Seed() [32]byte { return [32]byte(k.private.Seed()) }

// Verify checks a signature by the rules of ZIP-215, under which single and
// batch verification agree on every input: peers must never disagree on
// whether a statement was signed.
func (k PublicKey) Verify(t Tag, body []byte, s Signature) error {
	if !keys.VerifyWithOptions(k[:], message(t, body), s[:], zip215) {
		return ErrSignature
	}
	return nil
}
