package store

import (
	"bytes"
	"errors"
	"fmt"
	"iter"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// Incoming is a share that someone asks this peer to keep.
type Incoming struct {
	Object       wire.ObjectID
	Author       wire.PublicKey // who asks; the caller has checked it
	Manifest     *extent.Manifest
	Index        int
	Data         []byte // the whole share
	LeaseSeconds uint64 // of this peer's uptime, 1 to Config.LeaseSecondsMax
}

// checked is an Incoming that is what its manifest says.
type checked struct {
	Incoming
	id       wire.ExtentID
	manifest []byte
	outboard []byte
	record   record
}

// subject names a share in errors.
func subject(id wire.ExtentID, index int) string { return fmt.Sprintf("share %d of %v", index, id) }

// Put stores a share, or renews the lease of one that is here, and returns when
// that is durable. It keeps no reference to the data. After an error the share
// is here as a whole or not at all, and Put may be called again. Errors:
// ErrMismatch, ErrQuota, ErrBudget, ErrDeleted, ErrDenied, kv.ErrFull.
func (s *Shares) Put(in Incoming) error {
	c, err := s.check(in)
	if err == nil {
		err = s.keep(c)
	}
	return errs.Wrap("store", subject(c.id, in.Index), err)
}

// keep writes a checked share, its file first.
func (s *Shares) keep(c checked) error {
	coming, err := s.bring(c)
	if err == nil {
		err = s.write(c, coming)
	}
	if err == nil {
		err = classify(s.kv.Sync())
	}
	return errors.Join(err, s.settle(c, coming))
}

// check hashes the share. The manifest is parsed again, as the caller's own
// struct may break its rules.
func (s *Shares) check(in Incoming) (checked, error) {
	c := checked{Incoming: in}
	if in.Manifest == nil {
		return c, fail(ErrMismatch, "no manifest")
	}
	c.manifest = in.Manifest.Encode()
	c.id = extent.IDOf(c.manifest)
	m, err := extent.ParseManifest(c.manifest)
	if err != nil {
		return c, fail(ErrMismatch, "%v", err)
	}
	if in.Index < 0 || in.Index >= int(m.N) || len(in.Data) != m.ShareBytes() {
		return c, fail(ErrMismatch, "%d bytes, the manifest has %d shares of %d", len(in.Data), m.N, m.ShareBytes())
	}
	if in.LeaseSeconds < 1 || in.LeaseSeconds > s.config.LeaseSecondsMax {
		return c, errs.Newf("", "", errs.Refused, "lease of %d seconds, want 1 to %d", in.LeaseSeconds, s.config.LeaseSecondsMax)
	}
	var hash wire.ShareHash
	if c.outboard, hash = extent.Outboard(in.Data); hash != m.Shares[in.Index] {
		return c, fail(ErrMismatch, "the bytes have another hash")
	}
	c.record = newRecord(hash, len(in.Data))
	return c, nil
}

// write makes the change in one update and counts it.
func (s *Shares) write(c checked, coming uint64) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	var p plan
	refused := false
	err := s.kv.Update(func(w kv.Writer) (err error) {
		if p, err = s.planPut(w, c); err == nil {
			err = s.ledger.admit(p.change, coming)
		}
		if refused = err != nil; refused {
			return err
		}
		return s.apply(w, c, p)
	})
	if err == nil && !p.recount {
		s.ledger.apply(p.change)
		return nil
	}
	if err == nil {
		return s.load()
	}
	if !refused && !errors.Is(err, kv.ErrFull) {
		// Whether it took effect is not known: only the disk can tell.
		err = errors.Join(err, s.load())
	}
	return classify(err)
}

// plan is what a Put has to do.
type plan struct {
	change
	intact  bool   // the bytes are here already
	pieces  int    // of the share in the form before files, which go
	until   uint64 // uptime to which the lease runs already
	recount bool   // a record was unreadable, and may have been counted before
}

// planPut finds out what of the share is here.
func (s *Shares) planPut(r kv.Reader, c checked) (p plan, err error) {
	if s.isDeleted(c.Object) {
		return p, fail(ErrDeleted, "nothing of it is stored")
	}
	if s.Denies(c.Object, c.id) {
		return p, fail(ErrDenied, "nothing of it is stored")
	}
	p.change = change{bytes: charge(c.record.Bytes), object: c.Object, author: c.Author}
	if p.healed, err = has(r, shareKey(classDamaged, c.id, c.Index)); err != nil {
		return p, err
	}
	switch rec, err := readRecord(r, c.id, c.Index); {
	case absent(err):
		p.share, p.disk, p.recount = true, c.record.diskBytes(), !errors.Is(err, kv.ErrNotFound)
	case err != nil:
		return p, err
	case rec != c.record:
		p.pieces, p.disk, p.recount = rec.pieces(), c.record.diskBytes(), rec.inFile()
	case !p.healed:
		if p.intact, err = s.isIntact(r, c); err != nil {
			return p, err
		}
	}
	switch old, err := readLease(r, c); {
	case absent(err):
		p.lease, p.recount = true, p.recount || !errors.Is(err, kv.ErrNotFound)
		return p, checkLeases(r, c)
	case err != nil:
		return p, err
	default:
		p.previous, p.until = old.Author, old.Until
	}
	return p, nil
}

// absent reports whether what was to be read is not here, or not in a form that
// counts.
func absent(err error) bool {
	return errors.Is(err, kv.ErrNotFound) || errors.Is(err, kv.ErrDamaged) || errors.Is(err, wire.ErrEncoding)
}

// isIntact compares what is on disk with what came.
func (s *Shares) isIntact(r kv.Reader, c checked) (bool, error) {
	for key, want := range c.values() {
		same := false
		err := r.Get(key, func(v []byte) error { same = bytes.Equal(v, want); return nil })
		if err != nil && !absent(err) {
			return false, err
		}
		if !same {
			return false, nil
		}
	}
	if c.record.inFile() {
		return s.isFileIntact(c)
	}
	return true, nil
}

// values are the bulk of the share, by key; of one in a file the manifest alone.
func (c checked) values() iter.Seq2[[]byte, []byte] {
	return func(yield func(key, value []byte) bool) {
		if !yield(manifestKey(c.id), c.manifest) || c.record.inFile() {
			return
		}
		if !yield(shareKey(classOutboard, c.id, c.Index), c.outboard) {
			return
		}
		for i := range c.record.pieces() {
			from, to := c.record.piece(i)
			if !yield(pieceKey(c.id, c.Index, i), c.Data[from:to]) {
				return
			}
		}
	}
}

// checkLeases refuses one more lease than a share may have.
func checkLeases(r kv.Reader, c checked) error {
	n := 0
	err := r.Scan(shareKey(classLease, c.id, c.Index), nil, true, func(_, _ []byte) (bool, error) {
		n++
		return true, nil
	})
	if err == nil && n >= LeasesPerShareMax {
		return fail(ErrBudget, "%d objects lease this share, the most there may be", n)
	}
	return err
}

// apply writes what the plan says.
func (s *Shares) apply(w kv.Writer, c checked, p plan) error {
	if !p.intact {
		if err := writeShare(w, c, p); err != nil {
			return err
		}
	}
	until := max(p.until, s.uptime+c.LeaseSeconds)
	s.soonest = min(s.soonest, until)
	return w.Set(leaseKey(c.id, c.Index, c.Object), encode(lease{
		Format: formatCurrent, Author: c.Author, Bytes: c.record.Bytes, Seconds: c.LeaseSeconds, Until: until,
	}))
}

func writeShare(w kv.Writer, c checked, p plan) error {
	var gone [][]byte
	if p.healed {
		gone = append(gone, shareKey(classDamaged, c.id, c.Index))
	}
	if c.record.inFile() && p.pieces > 0 {
		gone = append(gone, shareKey(classOutboard, c.id, c.Index))
		for i := range p.pieces {
			gone = append(gone, pieceKey(c.id, c.Index, i))
		}
	}
	for _, key := range gone {
		if err := w.Delete(key); err != nil {
			return err
		}
	}
	for key, value := range c.values() {
		if err := w.Set(key, value); err != nil {
			return err
		}
	}
	return w.Set(shareKey(classShare, c.id, c.Index), encode(c.record))
}
