package update

import (
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// ErrValue is returned for bytes that are no value of the kind asked for.
var ErrValue = errors.New("bad value")

// parse reads a value and checks what its encoding alone cannot.
func parse[T any, P interface {
	*T
	valid() error
}](b []byte) (v T, err error) {
	if err := wire.Unmarshal(b, &v, wire.TreeValueBytesMax); err != nil {
		return v, fmt.Errorf("%w: %w", ErrValue, err)
	}
	if err := P(&v).valid(); err != nil {
		return v, fmt.Errorf("%w: %w", ErrValue, err)
	}
	return v, nil
}

// EntryKind says what a directory entry names.
type EntryKind uint8

// The kinds of entries.
const (
	KindFile EntryKind = iota + 1
	KindDir
	KindSymlink
)

// Limits of the sealed parts of values, in bytes.
const (
	SealedKeyBytesMax   = 128
	SealedAttrBytesMax  = 5 << 10 // a symbolic link's target has up to 4,095
	SealedBlockBytesMax = 160     // a block key and a plaintext hash
	// SealedInlineBytesMax leaves room for a nonce and a tag.
	SealedInlineBytesMax = wire.InlineBytesMax + 64
)

// DirEntry is the value of a `d` key. Kind and Child are in clear, as the
// executor counts the links to files.
type DirEntry struct {
	_          struct{} `cbor:",toarray"`
	Kind       EntryKind
	Child      wire.NodeID
	SealedKey  []byte // the child's node key, sealed under the directory's
	SealedAttr []byte // mode, times, link target
}

// Encode returns the value.
func (d DirEntry) Encode() []byte { return wire.Marshal(d) }

// ParseDirEntry parses the value of a `d` key.
func ParseDirEntry(b []byte) (DirEntry, error) { return parse[DirEntry](b) }

func (d *DirEntry) valid() error {
	if d.Kind < KindFile || d.Kind > KindSymlink {
		return fmt.Errorf("directory entry of kind %d", d.Kind)
	}
	if len(d.SealedKey) > SealedKeyBytesMax || len(d.SealedAttr) > SealedAttrBytesMax {
		return fmt.Errorf("directory entry with a sealed key of %d and attributes of %d bytes", len(d.SealedKey), len(d.SealedAttr))
	}
	return nil
}

// FileBytesMax is the most bytes of a file, so that offsets never wrap.
const FileBytesMax = 1 << 60

// FileInfo is the value of an `f` key. The executor keeps it.
type FileInfo struct {
	_      struct{} `cbor:",toarray"`
	Size   uint64   // plaintext bytes
	Links  uint64   // directory entries that name the file
	Blocks uint64   // entries under its `b` keys
}

// Encode returns the value.
func (f FileInfo) Encode() []byte { return wire.Marshal(f) }

// ParseFileInfo parses the value of an `f` key.
func ParseFileInfo(b []byte) (FileInfo, error) { return parse[FileInfo](b) }

func (f *FileInfo) valid() error {
	if f.Size > FileBytesMax {
		return fmt.Errorf("file of %d bytes", f.Size)
	}
	return nil
}

// BlockRef is the value of a `b` key: where a block of a file is, and what
// opens it. With a zero Extent the block itself is here, in Sealed.
type BlockRef struct {
	_      struct{} `cbor:",toarray"`
	Extent wire.ExtentID
	Stripe uint32 // in the extent, from 0
	Length uint32 // plaintext bytes, from 1 to wire.BlockBytesMax
	// Sealed is the block key and plaintext hash, sealed under the file's node
	// key; or a whole sealed block of at most wire.InlineBytesMax bytes of
	// plaintext. Nothing in it depends on the offset, which the executor may
	// assign.
	Sealed []byte
}

// IsInline reports whether the reference holds the block itself.
func (r BlockRef) IsInline() bool { return r.Extent.IsZero() }

// Encode returns the value.
func (r BlockRef) Encode() []byte { return wire.Marshal(r) }

// ParseBlockRef parses the value of a `b` key.
func ParseBlockRef(b []byte) (BlockRef, error) { return parse[BlockRef](b) }

func (r *BlockRef) valid() error {
	lengthMax, sealedMax, stripesMax := uint32(wire.BlockBytesMax), SealedBlockBytesMax, uint32(wire.ExtentStripesMax)
	if r.IsInline() {
		lengthMax, sealedMax, stripesMax = wire.InlineBytesMax, SealedInlineBytesMax, 1
	}
	if r.Length == 0 || r.Length > lengthMax || len(r.Sealed) > sealedMax || r.Stripe >= stripesMax {
		return fmt.Errorf("block of %d bytes in stripe %d with %d sealed bytes", r.Length, r.Stripe, len(r.Sealed))
	}
	return nil
}

// ExtentFacts is the value of an `x` key without a part: what the ring knows
// of an extent without its manifest. The receipts stand beside it, so that
// counting references does not write them again; ReadExtent returns both.
type ExtentFacts struct {
	_       struct{}       `cbor:",toarray"`
	Author  wire.PublicKey // who uploaded it; the receipts name him
	K, N    uint8
	Lengths []uint32     // bytes of each sealed block, in stripe order
	Live    uint64       // block references to it in the newest version
	First   wire.Version // the first version that references it
	Last    wire.Version // the first version after that does not; 0 while Live > 0
	Parts   uint8        // entries that hold its receipts
}

// Encode returns the value.
func (f ExtentFacts) Encode() []byte { return wire.Marshal(f) }

// ParseExtentFacts parses the value of an `x` key without a part.
func ParseExtentFacts(b []byte) (ExtentFacts, error) { return parse[ExtentFacts](b) }

func (f *ExtentFacts) valid() error {
	if f.K == 0 || f.N < f.K || len(f.Lengths) == 0 || len(f.Lengths) > wire.ExtentStripesMax {
		return fmt.Errorf("extent of %d of %d shares and %d stripes", f.K, f.N, len(f.Lengths))
	}
	return nil
}

// receiptsPerPart keeps a part of the receipts below wire.TreeValueBytesMax: a
// receipt encodes to at most 115 bytes.
const receiptsPerPart = 48

// receiptsPart is the value of an `x` key with a part.
type receiptsPart struct {
	_        struct{} `cbor:",toarray"`
	Receipts []extent.CompactReceipt
}

func (p *receiptsPart) valid() error {
	if len(p.Receipts) == 0 || len(p.Receipts) > receiptsPerPart {
		return fmt.Errorf("%d receipts in one part", len(p.Receipts))
	}
	return nil
}

// VersionAuthorsMax is the most authors that VersionInfo lists.
const VersionAuthorsMax = 64

// VersionInfo is the value of a `v` key: a retained version.
type VersionInfo struct {
	_             struct{} `cbor:",toarray"`
	TimeUnixMilli int64
	// Root is the version's state root. It is zero in that version itself,
	// whose root its decision states, and filled in by the next.
	Root wire.NodeHash
	// Content says that a directory entry, a file or a block was changed; other
	// versions are bookkeeping and not shown unless asked for.
	Content bool
	// Authors are those whose updates were applied, in order of the first, at
	// most VersionAuthorsMax of them.
	Authors []wire.PublicKey
}

// Encode returns the value.
func (v VersionInfo) Encode() []byte { return wire.Marshal(v) }

// ParseVersionInfo parses the value of a `v` key.
func ParseVersionInfo(b []byte) (VersionInfo, error) { return parse[VersionInfo](b) }

func (v *VersionInfo) valid() error {
	if len(v.Authors) > VersionAuthorsMax {
		return fmt.Errorf("%d authors", len(v.Authors))
	}
	return nil
}

// Rights say what an author may do.
type Rights uint8

// The rights.
const (
	// RightWrite allows to change directories and files.
	RightWrite Rights = 1 << iota
	// RightOwner allows everything that is not the executor's own. Only the
	// genesis gives it.
	RightOwner
)

// Writer is the value of a `w` key.
type Writer struct {
	_      struct{} `cbor:",toarray"`
	Rights Rights
	// Scope is the directory in which and below which the rights hold. Zero is
	// the whole volume; the owner's rights have no other.
	Scope wire.NodeID
	By    wire.PublicKey // who let it
}

// Encode returns the value.
func (w Writer) Encode() []byte { return wire.Marshal(w) }

// ParseWriter parses the value of a `w` key.
func ParseWriter(b []byte) (Writer, error) { return parse[Writer](b) }

func (w *Writer) valid() error {
	if w.Rights == 0 || w.Rights&^(RightWrite|RightOwner) != 0 || w.Rights&RightOwner != 0 && !w.Scope.IsZero() {
		return fmt.Errorf("writer with rights %b and scope %v", w.Rights, w.Scope)
	}
	return nil
}

// RingEntry is the value of an `e` key.
type RingEntry struct {
	_           struct{} `cbor:",toarray"`
	Certificate wire.RingCertID
}

// Encode returns the value.
func (r RingEntry) Encode() []byte { return wire.Marshal(r) }

// ParseRingEntry parses the value of an `e` key.
func ParseRingEntry(b []byte) (RingEntry, error) { return parse[RingEntry](b) }

func (r *RingEntry) valid() error { return nil }
