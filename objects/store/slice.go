package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// Slice writes the slice of length bytes of a share at offset (package extent),
// in one Write, after it has checked it; after an error nothing was written.
// Errors: ErrNotFound, ErrDamaged, ErrDenied, extent.ErrInput, that of w.
func (s *Shares) Slice(w io.Writer, id wire.ExtentID, index, offset, length int) error {
	if err := s.checkDenied(id); err != nil {
		return errs.Wrap("read", subject(id, index), err)
	}
	b := buffers.Get().(*buffer)
	defer buffers.Put(b)
	err := s.read(b, id, index, offset, length)
	if errors.Is(err, ErrDamaged) {
		err = errors.Join(err, s.condemn(id, index))
	}
	if err != nil {
		return errs.Wrap("read", subject(id, index), err)
	}
	_, err = w.Write(b.slice)
	return err
}

// buffer holds what one Slice reads. Buffers are kept, as a peer serves
// gigabytes and a share takes up to 4 MiB.
type buffer struct{ groups, outboard, slice []byte }

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// read makes b.slice and proves it.
func (s *Shares) read(b *buffer, id wire.ExtentID, index, offset, length int) error {
	var rec record
	err := s.kv.View(func(r kv.Reader) (err error) {
		if rec, err = servable(r, id, index); err != nil {
			return err
		}
		return b.load(r, s.files, id, index, rec, offset, length)
	})
	if err != nil {
		return classify(err)
	}
	return b.prove(rec, offset, length)
}

// prove makes b.slice of what was loaded, and checks it as a reader would.
func (b *buffer) prove(rec record, offset, length int) (err error) {
	size := int(rec.Bytes)
	b.slice, err = extent.AppendSlice(b.slice[:0], bytes.NewReader(b.groups), b.outboard, size, offset, length)
	if err == nil {
		err = extent.CheckSlice(b.slice, size, offset, length, rec.Hash)
	}
	if err != nil {
		return fail(ErrDamaged, "%v", err)
	}
	return nil
}

// servable returns the record of a share that is here and not known to be
// damaged.
func servable(r kv.Reader, id wire.ExtentID, index int) (record, error) {
	rec, err := readRecord(r, id, index)
	if errors.Is(err, kv.ErrNotFound) {
		return rec, fail(ErrNotFound, "no such share")
	}
	if errors.Is(err, wire.ErrEncoding) {
		return rec, fail(ErrDamaged, "%v", err)
	}
	if err != nil {
		return rec, err
	}
	condemned, err := has(r, shareKey(classDamaged, id, index))
	if condemned {
		err = fail(ErrDamaged, "found before")
	}
	return rec, err
}

// load reads the outboard and the groups that the range touches. That either is
// missing is damage, as the record is here.
func (b *buffer) load(r kv.Reader, files kv.Files, id wire.ExtentID, index int, rec record, offset, length int) error {
	b.groups, b.outboard = b.groups[:0], b.outboard[:0]
	if offset < 0 || length < 1 || offset > int(rec.Bytes) || length > int(rec.Bytes)-offset {
		return fmt.Errorf("%w: bytes [%d, +%d) of a share of %d", extent.ErrInput, offset, length, rec.Bytes)
	}
	from, to := extent.Groups(int(rec.Bytes), offset, length)
	var err error
	if rec.inFile() {
		err = b.loadFile(files, fileName(id, index), rec, from, to)
	} else {
		err = b.loadPieces(r, id, index, rec, from, to)
	}
	if errors.Is(err, kv.ErrNotFound) {
		return fail(ErrDamaged, "a part of it is missing")
	}
	return err
}

// loadPieces is load for a share in pieces.
func (b *buffer) loadPieces(r kv.Reader, id wire.ExtentID, index int, rec record, from, to int) error {
	err := r.Get(shareKey(classOutboard, id, index), func(v []byte) error {
		b.outboard = append(b.outboard, v...)
		return nil
	})
	for i := range rec.pieces() {
		if first, last := rec.piece(i); err == nil && first < to && from < last {
			err = b.loadPiece(r, pieceKey(id, index, i), max(from, first)-first, min(to, last)-first, last-first)
		}
	}
	return err
}

// loadPiece appends bytes [from, to) of a piece of so many bytes.
func (b *buffer) loadPiece(r kv.Reader, key []byte, from, to, size int) error {
	return r.Get(key, func(v []byte) error {
		if len(v) != size {
			return fail(ErrDamaged, "piece of %d bytes, want %d", len(v), size)
		}
		b.groups = append(b.groups, v[from:to]...)
		return nil
	})
}

// condemn marks a share as damaged, unless that is known or a put has mended it
// meanwhile.
func (s *Shares) condemn(id wire.ExtentID, index int) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	marked := false
	err := s.kv.Update(func(w kv.Writer) error {
		mark := shareKey(classDamaged, id, index)
		known, err := has(w, mark)
		if err != nil || known || proves(w, s.files, id, index) {
			return err
		}
		marked = true
		return w.Set(mark, nil)
	})
	if err == nil && marked {
		s.ledger.damage()
	}
	return classify(err)
}

// proves reports whether a share can be read and has its hash, as a whole.
func proves(r kv.Reader, files kv.Files, id wire.ExtentID, index int) bool {
	rec, err := readRecord(r, id, index)
	if err != nil {
		return false
	}
	var b buffer
	if b.load(r, files, id, index, rec, 0, int(rec.Bytes)) != nil {
		return false
	}
	return b.prove(rec, 0, int(rec.Bytes)) == nil
}
