package envelope

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/atollnet/atoll/internal/wire"
)

// TargetBytesMax is the most bytes of a symbolic link's target (PATH_MAX less
// the zero byte at its end).
const TargetBytesMax = 4095

const (
	attrFormat    = 1
	attrPadding   = 32 // the unit to which encoded attributes are padded
	attrModeMax   = 0o7777
	attrNsecMax   = 1_000_000_000 - 1
	attrBytesMax  = TargetBytesMax + 1 + 2*attrPadding // the longest padded: header, target, a pad of up to 33
	attrSealedMax = attrBytesMax + SealedOverhead
)

// Attr is what a directory entry says of its child beside kind and key.
type Attr struct {
	Mode   uint32 // POSIX permission bits with set-id and sticky, at most 0o7777
	Sec    int64  // time of last modification, seconds since 1970
	Nsec   uint32 // and nanoseconds, below a billion
	Target string // of a symbolic link, any bytes but NUL; "" for other kinds
}

// attrRecord is the encoded form. Pad is zero bytes, as few as make the whole
// a multiple of attrPadding.
type attrRecord struct {
	_      struct{} `cbor:",toarray"`
	Format uint64
	Mode   uint32
	Sec    int64
	Nsec   uint32
	Target []byte
	Pad    []byte
}

func (a Attr) check() error {
	switch {
	case a.Mode > attrModeMax:
		return fmt.Errorf("%w: mode %o", ErrAttr, a.Mode)
	case a.Nsec > attrNsecMax:
		return fmt.Errorf("%w: %d nanoseconds", ErrAttr, a.Nsec)
	case len(a.Target) > TargetBytesMax:
		return fmt.Errorf("%w: link target of %d bytes, at most %d are allowed", ErrAttr, len(a.Target), TargetBytesMax)
	case strings.Contains(a.Target, "\x00"):
		return fmt.Errorf("%w: link target with a zero byte", ErrAttr)
	}
	return nil
}

func (a Attr) encode() []byte {
	r := attrRecord{Format: attrFormat, Mode: a.Mode, Sec: a.Sec, Nsec: a.Nsec, Target: []byte(a.Target), Pad: []byte{}}
	b := wire.Marshal(r)
	// The pad's own length takes one byte up to 23 and two from 24 on, so one
	// length in 32 is reached only with a whole unit more.
	for len(b)%attrPadding != 0 {
		r.Pad = append(r.Pad, 0)
		b = wire.Marshal(r)
	}
	return b
}

func parseAttr(b []byte) (a Attr, err error) {
	var r attrRecord
	if err := wire.Unmarshal(b, &r, attrBytesMax); err != nil {
		return a, fmt.Errorf("%w: %w", ErrAttr, err)
	}
	if r.Format != attrFormat {
		return a, fmt.Errorf("%w: format %d", ErrAttr, r.Format)
	}
	a = Attr{Mode: r.Mode, Sec: r.Sec, Nsec: r.Nsec, Target: string(r.Target)}
	if err := a.check(); err != nil {
		return Attr{}, err
	}
	if !bytes.Equal(a.encode(), b) {
		return Attr{}, fmt.Errorf("%w: padded in another way than the one", ErrAttr)
	}
	return a, nil
}

// SealAttr seals the attributes of an entry for who reads the directory whose
// Secrets these are. The error matches ErrAttr if they are out of range.
func (s Secrets) SealAttr(random io.Reader, child wire.NodeID, a Attr) ([]byte, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	return sealRandom(random, s.attr, a.encode(), child[:])
}

// OpenAttr opens what SealAttr sealed for the same child. The error matches
// ErrSealed, or ErrAttr where the keys open what SealAttr does not write.
func (s Secrets) OpenAttr(child wire.NodeID, sealed []byte) (Attr, error) {
	if len(sealed) > attrSealedMax {
		return Attr{}, fmt.Errorf("attributes of %d sealed bytes: %w", len(sealed), ErrSealed)
	}
	plain, _, err := unseal(s.attr, sealed, child[:])
	if err != nil {
		return Attr{}, fmt.Errorf("attributes: %w", err)
	}
	return parseAttr(plain)
}
