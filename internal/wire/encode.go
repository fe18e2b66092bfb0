package wire

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// ErrEncoding is returned for bytes that are not the one canonical encoding of
// a value.
var ErrEncoding = errors.New("not canonical")

// Structs are written as CBOR arrays (`cbor:",toarray"`): the field order is
// the format, no name or optional field can be spelled two ways, and a decoder
// refuses any other number of fields.
var (
	encMode = must(cbor.EncOptions{
		Sort:          cbor.SortBytewiseLexical,
		ShortestFloat: cbor.ShortestFloat16,
		NaNConvert:    cbor.NaNConvert7e00,
		InfConvert:    cbor.InfConvertFloat16,
		IndefLength:   cbor.IndefLengthForbidden,
		NilContainers: cbor.NilContainerAsEmpty,
		TagsMd:        cbor.TagsForbidden,
	}.EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		MaxNestedLevels:   16,
		MaxArrayElements:  1 << 16,
		MaxMapPairs:       1 << 12,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Marshal returns the canonical encoding of v (RFC 8949 section 4.2.1, core
// deterministic). v is one of our own types, so a failure is a bug and panics.
func Marshal(v any) []byte {
	b, err := encMode.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("wire: encode %T: %v", v, err))
	}
	return b
}

// Unmarshal parses the canonical encoding of *v from all of b. It refuses more
// than max bytes before looking at them, and whatever Marshal would not have
// written: duplicate keys, indefinite lengths, trailing bytes, longer forms of
// a number, missing fields. The result does not alias b. The error matches
// ErrEncoding.
func Unmarshal(b []byte, v any, max int) error {
	if len(b) > max {
		return fmt.Errorf("%w: %T of %d bytes, limit %d", ErrEncoding, v, len(b), max)
	}
	if err := decMode.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%w: %T: %v", ErrEncoding, v, err)
	}
	// Parsing is lenient in a few places (short byte arrays, long numbers);
	// encoding is not, so one comparison closes all of them.
	again, err := encMode.Marshal(v)
	if err != nil {
		return fmt.Errorf("%w: %T: %v", ErrEncoding, v, err)
	}
	if !bytes.Equal(again, b) {
		return fmt.Errorf("%w: %T does not encode to the same bytes", ErrEncoding, v)
	}
	return nil
}
