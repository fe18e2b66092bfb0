// Package frame cuts a byte stream between two peers into messages: a length
// of four bytes, big endian, then that many bytes of payload. Readers name the
// most they will take before a byte of it is allocated.
//
// It imports no other package of Atoll but wire, and must never hold a
// connection or set a deadline: that is its caller's duty.
package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/atollnet/atoll/internal/wire"
)

// HeaderBytes is the length of a frame's header.
const HeaderBytes = 4

// ErrTooLarge is returned for a frame longer than its reader allows.
var ErrTooLarge = errors.New("frame too large")

// Write writes payload as one frame, header and payload in one call so that a
// small message is one packet.
func Write(w io.Writer, payload []byte) error {
	b := make([]byte, 0, HeaderBytes+len(payload))
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	_, err := w.Write(append(b, payload...))
	return err
}

// Read reads one frame of at most max payload bytes. It returns io.EOF only
// when the stream ended before the frame began.
func Read(r io.Reader, max int) ([]byte, error) {
	n, err := ReadHeader(r, max)
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, noEOF(err)
	}
	return b, nil
}

// ReadInto reads one frame into buf, which it must fit, and returns the filled
// part. It serves readers of bulk bytes that reuse their buffers.
func ReadInto(r io.Reader, buf []byte) ([]byte, error) {
	n, err := ReadHeader(r, len(buf))
	if err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(r, buf[:n]); err != nil {
		return nil, noEOF(err)
	}
	return buf[:n], nil
}

// ReadHeader reads a frame's header and returns the length of its payload, at
// most max, which the caller reads itself. It returns io.EOF only when the
// stream ended before the frame began.
func ReadHeader(r io.Reader, max int) (int, error) {
	var h [HeaderBytes]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return 0, err
	}
	n := binary.BigEndian.Uint32(h[:])
	if uint64(n) > uint64(max) {
		return 0, fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, n, max)
	}
	return int(n), nil
}

func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// WriteMessage writes the canonical encoding of v as one frame.
func WriteMessage(w io.Writer, v any) error { return Write(w, wire.Marshal(v)) }

// ReadMessage reads one frame of at most max bytes and parses it into v.
func ReadMessage(r io.Reader, v any, max int) error {
	b, err := Read(r, max)
	if err != nil {
		return err
	}
	return wire.Unmarshal(b, v, max)
}
