package wire

import (
	"encoding/binary"

	"lukechampine.com/blake3"
)

// Context separates hashes of different kinds: BLAKE3's derive-key mode makes
// each context an independent function, so a value of one kind can never be
// passed off as another. A context is "atoll/v1/" and the kind.
type Context string

// The contexts that name things. Packages that derive keys declare their own.
const (
	ContextObject   Context = "atoll/v1/object"
	ContextExtent   Context = "atoll/v1/extent"
	ContextNode     Context = "atoll/v1/tree-node"
	ContextUpdate   Context = "atoll/v1/update"
	ContextDecision Context = "atoll/v1/decision"
	ContextRing     Context = "atoll/v1/ring"
	ContextOutcomes Context = "atoll/v1/outcomes"
	ContextValue    Context = "atoll/v1/value"
)

// Sum is plain BLAKE3-256, the hash of bulk bytes: shares and sealed blocks.
func Sum(b []byte) [HashSize]byte { return blake3.Sum256(b) }

// Derive hashes the concatenation of parts in the given context. Callers that
// join parts of variable length must make the joint unambiguous themselves
// (an encoding, or Uint64 lengths).
func Derive(c Context, parts ...[]byte) (out [HashSize]byte) {
	var material []byte
	if len(parts) == 1 {
		material = parts[0]
	} else {
		for _, p := range parts {
			material = append(material, p...)
		}
	}
	blake3.DeriveKey(out[:], string(c), material)
	return out
}

// Uint64 returns v as 8 bytes, big endian, for use in hashes and in keys that
// must sort by number.
func Uint64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }
