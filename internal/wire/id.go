package wire

import (
	"encoding/base32"
	"errors"
	"fmt"
)

// HashSize is the length of every hash, key and content identifier, in bytes.
const HashSize = 32

// Identifiers are distinct types so that the compiler refuses a share's hash
// where an extent's name is meant. All of them are BLAKE3-256 values but
// NodeID and SessionID, which are random.
type (
	// Hash is a plain BLAKE3-256 hash of some bytes, used where no narrower
	// type says what was hashed.
	Hash [HashSize]byte
	// ObjectID names an object: the hash of its genesis body.
	ObjectID [HashSize]byte
	// ExtentID names an extent: the hash of its manifest.
	ExtentID [HashSize]byte
	// ShareHash is the plain BLAKE3-256 of a share's bytes and so the root of
	// the tree that proves any range of it.
	ShareHash [HashSize]byte
	// BlockHash is the plain BLAKE3-256 of a sealed block.
	BlockHash [HashSize]byte
	// NodeHash names a node of a Merkle map by its encoding; the hash of the
	// root node is the state root.
	NodeHash [HashSize]byte
	// UpdateID names a signed update.
	UpdateID [HashSize]byte
	// VersionID names a committed version: the hash of its decision.
	VersionID [HashSize]byte
	// RingCertID names a ring certificate: who orders an object in one epoch.
	RingCertID [HashSize]byte

	// NodeID names a directory or a file within its object. It is random, so
	// it says nothing about the name, and it survives renames.
	NodeID [16]byte
	// SessionID tells one run of a writer from another (exactly-once).
	SessionID [16]byte
)

// Counters are distinct types for the same reason. All start at 1; 0 means
// "none yet".
type (
	// Version numbers the committed states of one object.
	Version uint64
	// Epoch numbers the rings that have ordered one object.
	Epoch uint64
	// View numbers the leaders within an epoch; the first is 0.
	View uint64
	// Seq numbers the updates of one author within one session.
	Seq uint64
)

// encoding is the text form of every identifier: lower-case base32 without
// padding (RFC 4648 section 6, lower case), safe in names, paths and labels.
var encoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// ErrText is returned for a text that is not the one canonical text form of an
// identifier.
var ErrText = errors.New("not an identifier")

// EncodeText returns the text form of b.
func EncodeText(b []byte) string { return encoding.EncodeToString(b) }

// DecodeText parses the text form of exactly len(dst) bytes into dst. It
// refuses anything that EncodeText would not have written, trailing bits
// included, so one identifier has one text.
func DecodeText(dst []byte, s string) error {
	b, err := encoding.DecodeString(s)
	if err != nil || len(b) != len(dst) || EncodeText(b) != s {
		return fmt.Errorf("%w: %q", ErrText, clip(s))
	}
	copy(dst, b)
	return nil
}

// clip bounds what an error repeats of its input.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}

func (h Hash) String() string       { return EncodeText(h[:]) }
func (h ObjectID) String() string   { return EncodeText(h[:]) }
func (h ExtentID) String() string   { return EncodeText(h[:]) }
func (h ShareHash) String() string  { return EncodeText(h[:]) }
func (h BlockHash) String() string  { return EncodeText(h[:]) }
func (h NodeHash) String() string   { return EncodeText(h[:]) }
func (h UpdateID) String() string   { return EncodeText(h[:]) }
func (h VersionID) String() string  { return EncodeText(h[:]) }
func (h RingCertID) String() string { return EncodeText(h[:]) }
func (h NodeID) String() string     { return EncodeText(h[:]) }
func (h SessionID) String() string  { return EncodeText(h[:]) }

// ParseObjectID parses the text form of an ObjectID.
func ParseObjectID(s string) (id ObjectID, err error) { return id, DecodeText(id[:], s) }

// ParseExtentID parses the text form of an ExtentID.
func ParseExtentID(s string) (id ExtentID, err error) { return id, DecodeText(id[:], s) }

// ParseNodeID parses the text form of a NodeID.
func ParseNodeID(s string) (id NodeID, err error) { return id, DecodeText(id[:], s) }

// IsZero reports whether the identifier is unset.
func (h NodeHash) IsZero() bool   { return h == NodeHash{} }
func (h ObjectID) IsZero() bool   { return h == ObjectID{} }
func (h ExtentID) IsZero() bool   { return h == ExtentID{} }
func (h VersionID) IsZero() bool  { return h == VersionID{} }
func (h RingCertID) IsZero() bool { return h == RingCertID{} }
func (h NodeID) IsZero() bool     { return h == NodeID{} }

// RecordID names a record of the DHT within its kind: a hash of what signs it
// and what it is about.
type RecordID [HashSize]byte

// String returns the text form.
func (id RecordID) String() string { return EncodeText(id[:]) }

// ParseRecordID parses the text form of a RecordID.
func ParseRecordID(s string) (id RecordID, err error) { return id, DecodeText(id[:], s) }

// RecordKind is a kind of DHT record beside heads and providers; it begins the
// record's key.
type RecordKind string

// The kinds of records.
const (
	RecordName   RecordKind = "atoll-name" // the signed record sets of one owner name
	RecordDenial RecordKind = "atoll-deny" // a page of a zone's proofs that names do not exist
	// RecordChain is an answer of the ordinary DNS with what proves it.
	RecordChain RecordKind = "atoll-chain"
)
