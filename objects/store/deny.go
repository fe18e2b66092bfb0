package store

import (
	"errors"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

const (
	// DenialsMax is the most denials that are kept, in memory too, at about 100
	// bytes each.
	DenialsMax = 1 << 16
	// DenialReasonBytesMax bounds what a denial is given for a reason.
	DenialReasonBytesMax = 200
	deniedRecordBytesMax = DenialReasonBytesMax + 32
)

// ErrDenied: this peer's operator does not want it here.
var ErrDenied = errors.New("denied by this peer's operator")

// DenialKind says what a denial is of. The numbers are on disk.
type DenialKind byte

// The kinds of denials.
const (
	DeniedObject DenialKind = 'o' // all that an object brings
	DeniedExtent DenialKind = 'e' // an extent, whoever brings it
)

// Denied is what a denial is of.
type Denied struct {
	Kind DenialKind
	ID   [wire.HashSize]byte // of the object, or the extent
}

// Denial is an operator's word that something is neither kept nor served here.
type Denial struct {
	Denied
	Since  time.Time // in seconds
	Reason string    // for the operator; at most DenialReasonBytesMax bytes of UTF-8
}

// deniedRecord is a Denial's value on disk.
type deniedRecord struct {
	_      struct{} `cbor:",toarray"`
	Format uint64
	Since  int64 // Unix seconds
	Reason string
}

func (d Denied) key() []byte { return append(append(classKey(classDenied), byte(d.Kind)), d.ID[:]...) }

// parseDenial reads one denial. A value that does not parse is a bit of the
// disk, and the denial holds all the same.
func parseDenial(key, value []byte) (d Denial, ok bool) {
	prefix := classKey(classDenied)
	if len(key) != len(prefix)+1+wire.HashSize {
		return d, false
	}
	d.Kind = DenialKind(key[len(prefix)])
	copy(d.ID[:], key[len(prefix)+1:])
	var rec deniedRecord
	if wire.Unmarshal(value, &rec, deniedRecordBytesMax) == nil {
		d.Since, d.Reason = time.Unix(rec.Since, 0), rec.Reason
	}
	return d, true
}

// denials are what is denied, for those who ask on each request.
type denials struct {
	mu  sync.RWMutex
	all map[Denied]bool
}

func (d *denials) has(what Denied) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.all[what]
}

func (d *denials) set(what Denied, denied bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if denied {
		d.all[what] = true
	} else {
		delete(d.all, what)
	}
}

func (d *denials) count() int {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return len(d.all)
}

func (d *denials) replace(all map[Denied]bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = all
}

func loadDenied(r kv.Reader) (map[Denied]bool, error) {
	all := make(map[Denied]bool)
	err := r.Scan(classKey(classDenied), nil, true, func(key, _ []byte) (bool, error) {
		if d, ok := parseDenial(key, nil); ok {
			all[d.Denied] = true
		}
		return true, nil
	})
	return all, err
}

// Deny has nothing of an object, or no extent of that name, be served, taken or
// renewed from here on (ErrDenied), and lets all leases of it run out now. It
// returns, when that is durable, the leases that it ended: see Drop. After an
// error, or a crash, it may be called again; a denial that is there already gets
// the new reason.
func (s *Shares) Deny(d Denial) (ended []Lease, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if err = s.checkDenial(d); err == nil {
		err = s.noteDenial(d)
	}
	if err == nil {
		ended, err = s.endDenied(d.Denied)
	}
	if err == nil {
		err = s.kv.Sync()
	}
	return ended, errs.Wrap("deny", wire.ObjectID(d.ID).String(), classify(err))
}

func (s *Shares) checkDenial(d Denial) error {
	switch {
	case d.Kind != DeniedObject && d.Kind != DeniedExtent:
		return errs.Newf("", "", errs.Usage, "denial of kind %d", d.Kind)
	case len(d.Reason) > DenialReasonBytesMax || !utf8.ValidString(d.Reason):
		return errs.Newf("", "", errs.Usage, "reason of %d bytes, want at most %d bytes of text", len(d.Reason), DenialReasonBytesMax)
	case s.denied.count() >= DenialsMax && !s.denied.has(d.Denied):
		return errs.Newf("", "", errs.Full, "%d are denied already, the most there may be", DenialsMax)
	}
	return nil
}

// noteDenial makes it hold before anything is ended.
func (s *Shares) noteDenial(d Denial) error {
	rec := deniedRecord{Format: formatCurrent, Since: d.Since.Unix(), Reason: d.Reason}
	err := s.kv.Update(func(w kv.Writer) error { return w.Set(d.key(), wire.Marshal(rec)) })
	if err == nil {
		s.denied.set(d.Denied, true)
	}
	return err
}

// endDenied ends all leases of what is denied.
func (s *Shares) endDenied(d Denied) (ended []Lease, err error) {
	for p := (endedPart{more: true}); p.more && err == nil; {
		p, err = s.endLeases(d.leasePrefix(), p.next, d.covers)
		ended = append(ended, p.leases...)
	}
	return ended, err
}

// leasePrefix is where leases of what is denied may be.
func (d Denied) leasePrefix() []byte {
	if d.Kind == DeniedExtent {
		return append(classKey(classLease), d.ID[:]...)
	}
	return classKey(classLease)
}

// covers reports whether a lease is of what is denied.
func (d Denied) covers(l Lease) bool {
	if d.Kind == DeniedExtent {
		return l.Extent == d.ID
	}
	return l.Object == d.ID
}

// Allow takes a denial back, and reports whether there was one. What it freed
// does not come back by itself.
func (s *Shares) Allow(d Denied) (was bool, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if was = s.denied.has(d); !was {
		return false, nil
	}
	err = s.kv.Update(func(w kv.Writer) error { return w.Delete(d.key()) })
	if err == nil {
		s.denied.set(d, false)
		err = s.kv.Sync()
	}
	return true, errs.Wrap("allow", wire.ObjectID(d.ID).String(), classify(err))
}

// Denials calls f with each denial, those of extents first, until it returns
// false.
func (s *Shares) Denials(f func(Denial) bool) error {
	err := s.kv.View(func(r kv.Reader) error {
		return r.Scan(classKey(classDenied), nil, false, func(key, value []byte) (bool, error) {
			d, ok := parseDenial(key, value)
			return !ok || f(d), nil
		})
	})
	return errs.Wrap("list denials", "", classify(err))
}

// Denies reports, from memory, whether nothing of an object is taken, or no
// share of an extent.
func (s *Shares) Denies(object wire.ObjectID, id wire.ExtentID) bool {
	return s.denied.has(Denied{DeniedObject, object}) || s.denied.has(Denied{DeniedExtent, id})
}

// checkDenied is an error for an extent that is not served.
func (s *Shares) checkDenied(id wire.ExtentID) error {
	if s.denied.has(Denied{DeniedExtent, id}) {
		return fail(ErrDenied, "nothing of it is served")
	}
	return nil
}
