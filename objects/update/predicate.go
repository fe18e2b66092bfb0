package update

import "github.com/atollnet/atoll/internal/wire"

// PredicateKind says what a predicate asks.
type PredicateKind uint8

// The kinds of predicates; each has a constructor of the same name.
const (
	predVersionEquals PredicateKind = iota + 1
	predVersionAtMost
	predKeyEquals
	predKeyAbsent
	predRangeEmpty
	predRangeUnchanged
	predFileSize
)

// Predicate is a condition on the state. Fields that its kind does not use are
// empty; the constructors say what the kinds mean.
type Predicate struct {
	_      struct{} `cbor:",toarray"`
	Kind   PredicateKind
	Key    []byte // a key, or the start of a range
	End    []byte // the end of a range, which it does not include
	Hash   []byte // of a value: 32 bytes or none
	Number uint64 // a version or a size
}

// VersionEquals holds if v is the newest version, and no update ordered
// together with this one has been applied before it.
func VersionEquals(v wire.Version) Predicate {
	return Predicate{Kind: predVersionEquals, Number: uint64(v)}
}

// VersionAtMost holds if the newest version is v or older.
func VersionAtMost(v wire.Version) Predicate {
	return Predicate{Kind: predVersionAtMost, Number: uint64(v)}
}

// KeyEquals holds if the key has exactly this value.
func KeyEquals(key, value []byte) Predicate {
	h := ValueHash(value)
	return Predicate{Kind: predKeyEquals, Key: key, Hash: h[:]}
}

// KeyAbsent holds if the key has no value.
func KeyAbsent(key []byte) Predicate { return Predicate{Kind: predKeyAbsent, Key: key} }

// RangeEmpty holds if no key lo ≤ key < hi has a value.
func RangeEmpty(lo, hi []byte) Predicate {
	return Predicate{Kind: predRangeEmpty, Key: lo, End: hi}
}

// RangeUnchanged holds if nothing in lo ≤ key < hi was set or deleted after
// version v. It may fail although nothing was, if something was deleted near
// by.
func RangeUnchanged(lo, hi []byte, v wire.Version) Predicate {
	return Predicate{Kind: predRangeUnchanged, Key: lo, End: hi, Number: uint64(v)}
}

// KeyUnchanged holds if the key was not set or deleted after version v. If the
// key has a value this is exact, else it may fail as RangeUnchanged may.
func KeyUnchanged(key []byte, v wire.Version) Predicate { return RangeUnchanged(key, next(key), v) }

// FileSize holds if the file is there and has so many bytes.
func FileSize(file wire.NodeID, size uint64) Predicate {
	return Predicate{Kind: predFileSize, Key: FileKey(file), Number: size}
}

// ValueHash returns the hash that KeyEquals compares.
func ValueHash(value []byte) wire.Hash { return wire.Derive(wire.ContextValue, value) }
