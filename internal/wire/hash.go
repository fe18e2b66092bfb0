package wire

import (
	"encoding/binary"
	"sync"

	"lukechampine.com/blake3"
	"lukechampine.com/blake3/guts"
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
	ContextValue    Context = "atoll/v1/value"
)

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
	if len(material) <= guts.ChunkSize {
		return deriveChunk(c, material)
	}
	if len(material) <= groupBytes {
		return deriveGroup(c, material)
	}
	blake3.DeriveKey(out[:], string(c), material)
	return out
}

// deriveChunk is DeriveKey for material of one chunk, which most of what is
// named is: it hashes no context again and allocates nothing.
func deriveChunk(c Context, material []byte) (out [HashSize]byte) {
	key := contextKey(c)
	n := guts.CompressChunk(material, &key, 0, guts.FlagDeriveKeyMaterial)
	n.Flags |= guts.FlagRoot
	words := guts.CompressNode(n)
	for i, w := range words[:HashSize/4] {
		binary.LittleEndian.PutUint32(out[4*i:], w)
	}
	return out
}

// groups are the buffers that deriveGroup hashes from.
var groups = sync.Pool{New: func() any { return new([groupBytes]byte) }}

// deriveGroup is DeriveKey for material of several chunks that vectors hash at
// once, as the nodes of trees are. The library starts goroutines for it.
func deriveGroup(c Context, material []byte) [HashSize]byte {
	key := contextKey(c)
	group := groups.Get().(*[groupBytes]byte)
	defer groups.Put(group)
	copy(group[:], material)
	n := guts.CompressBuffer(group, len(material), &key, 0, guts.FlagDeriveKeyMaterial)
	n.Flags |= guts.FlagRoot
	out := guts.WordsToBytes(guts.CompressNode(n))
	return [HashSize]byte(out[:HashSize])
}

// contextKeys holds the hash of each context that was used. Contexts are
// constants of our packages, so it does not grow beyond them.
var contextKeys sync.Map

// contextKey returns the key that a context stands for in BLAKE3's derive-key
// mode.
func contextKey(c Context) [8]uint32 {
	if key, found := contextKeys.Load(c); found {
		return key.([8]uint32)
	}
	n := contextNode([]byte(c))
	words := guts.CompressNode(n)
	key := [8]uint32(words[:8])
	contextKeys.Store(c, key)
	return key
}

func contextNode(context []byte) guts.Node {
	if len(context) > guts.ChunkSize {
		panic("wire: context of more than a chunk")
	}
	n := guts.CompressChunk(context, &guts.IV, 0, guts.FlagDeriveKeyContext)
	n.Flags |= guts.FlagRoot
	return n
}

// Uint64 returns v as 8 bytes, big endian, for use in hashes and in keys that
// must sort by number.
func Uint64(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }
