package envelope

import (
	"lukechampine.com/blake3"

	"github.com/atollnet/atoll/internal/wire"
)

// keySize is the length of every symmetric key, in bytes.
const keySize = 32

// NodeKey opens a directory or file and all that is below it, in all versions.
// It is random and serves only to derive Secrets.
type NodeKey [keySize]byte

// The contexts under which keys are derived, one for each purpose.
const (
	contextCut      wire.Context = "atoll/v1/cut-secret"
	contextBlock    wire.Context = "atoll/v1/block-secret"
	contextName     wire.Context = "atoll/v1/name-key"
	contextNonce    wire.Context = "atoll/v1/name-nonce-key"
	contextAttr     wire.Context = "atoll/v1/attribute-key"
	contextChild    wire.Context = "atoll/v1/child-key-key"
	contextBlockKey wire.Context = "atoll/v1/block-key-key"
	contextInline   wire.Context = "atoll/v1/inline-key"
)

// Secrets are the keys of one node. Cut and the block secret of the volume's
// root serve for all files that its owner writes; a writer who holds only a
// subtree uses those of the subtree's node. Everything else serves for the
// node itself.
type Secrets struct {
	// Cut seeds the cutting of files into blocks (package cut).
	Cut [keySize]byte
	// Name seals the names in this directory. It never changes in a
	// directory's life: where a directory got a new node key, put the name key
	// of its first one here.
	Name [keySize]byte

	block    [keySize]byte
	attr     [keySize]byte
	child    [keySize]byte
	blockKey [keySize]byte
	inline   [keySize]byte
}

// Secrets derives the node's keys. It takes some microseconds; callers that
// handle many entries of one node keep the result.
func (k NodeKey) Secrets() Secrets {
	derive := func(c wire.Context) [keySize]byte { return wire.Derive(c, k[:]) }
	return Secrets{
		Cut:      derive(contextCut),
		Name:     derive(contextName),
		block:    derive(contextBlock),
		attr:     derive(contextAttr),
		child:    derive(contextChild),
		blockKey: derive(contextBlockKey),
		inline:   derive(contextInline),
	}
}

// String keeps keys out of logs and messages.
func (NodeKey) String() string { return "(node key)" }

// String keeps keys out of logs and messages.
func (Secrets) String() string { return "(secrets)" }

// keyedHash is the keyed BLAKE3-256 of message.
func keyedHash(key [keySize]byte, message []byte) (out [keySize]byte) {
	h := blake3.New(len(out), key[:])
	h.Write(message)
	h.Sum(out[:0])
	return out
}
