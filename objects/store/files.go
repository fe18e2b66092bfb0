package store

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// A share of fileBytesMin and more lies in a file with its outboard behind it.
// The file is durable before its record is written, and is removed after the
// record is gone for good. So a crash leaves at most files without a record,
// which Open removes.

// fileName names the file of a share.
func fileName(id wire.ExtentID, index int) string {
	return id.String() + "-" + strconv.Itoa(index)
}

// parseFileName accepts exactly what fileName gives.
func parseFileName(name string) (id wire.ExtentID, index int, ok bool) {
	text, digits, _ := strings.Cut(name, "-")
	id, errID := wire.ParseExtentID(text)
	index, err := strconv.Atoi(digits)
	if errors.Join(errID, err) != nil || index < 0 || index >= wire.SharesMax {
		return id, 0, false
	}
	return id, index, fileName(id, index) == name
}

// bring makes the file of a share durable, unless it is here already or the
// share would be refused anyway. Until settle nobody removes it, and so many
// bytes of it count as coming.
func (s *Shares) bring(c checked) (coming uint64, err error) {
	if !c.record.inFile() {
		return 0, nil
	}
	s.writing.Lock()
	s.arriving[fileName(c.id, c.Index)]++
	s.writing.Unlock()
	var p plan
	err = s.kv.View(func(r kv.Reader) (err error) {
		p, err = s.planPut(r, c)
		return err
	})
	if err == nil {
		err = s.ledger.reserve(p.change)
	}
	if err != nil {
		return 0, classify(err)
	}
	if !p.intact {
		err = s.files.Write(fileName(c.id, c.Index), c.Data, c.outboard)
	}
	return p.disk, classify(err)
}

// settle ends what bring began: a file that got no record goes.
func (s *Shares) settle(c checked, coming uint64) error {
	s.ledger.unreserve(coming)
	if !c.record.inFile() {
		return nil
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	name := fileName(c.id, c.Index)
	if s.arriving[name]--; s.arriving[name] == 0 {
		delete(s.arriving, name)
	}
	return s.removeStray(c.id, c.Index)
}

// removeStray removes the file of a share that has no record that speaks of it,
// unless one is being made. Whoever deletes records calls it after they are
// gone for good. The caller holds writing.
func (s *Shares) removeStray(id wire.ExtentID, index int) error {
	if s.arriving[fileName(id, index)] > 0 {
		return nil
	}
	spoken := false
	err := s.kv.View(func(r kv.Reader) error {
		rec, err := readRecord(r, id, index)
		// A record that does not parse may be of a file.
		spoken = err == nil && rec.inFile() || err != nil && !errors.Is(err, kv.ErrNotFound)
		return nil
	})
	if err == nil && !spoken {
		err = s.files.Remove(fileName(id, index))
	}
	return err
}

// sweepFiles removes the files that a crash has left without a record. Only
// Open calls it.
func (s *Shares) sweepFiles() error {
	return s.files.Names(func(name string) error {
		id, index, ok := parseFileName(name)
		if !ok {
			return s.files.Remove(name)
		}
		return s.removeStray(id, index)
	})
}

// isFileIntact compares the file with what came.
func (s *Shares) isFileIntact(c checked) (bool, error) {
	b := make([]byte, len(c.Data)+len(c.outboard))
	err := s.files.Read(fileName(c.id, c.Index), b, 0)
	if absent(err) {
		return false, nil
	}
	return bytes.Equal(b[:len(c.Data)], c.Data) && bytes.Equal(b[len(c.Data):], c.outboard), err
}

// loadFile reads bytes [from, to) and the outboard of a share in a file.
func (b *buffer) loadFile(files kv.Files, name string, rec record, from, to int) error {
	b.groups = slices.Grow(b.groups, to-from)[:to-from]
	if err := files.Read(name, b.groups, int64(from)); err != nil {
		return err
	}
	n := extent.OutboardBytes(int(rec.Bytes))
	b.outboard = slices.Grow(b.outboard, n)[:n]
	return files.Read(name, b.outboard, int64(rec.Bytes))
}
