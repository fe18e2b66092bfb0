package store

import (
	"errors"
	"slices"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

const (
	// youngSeconds is how long ago, at least, a lease must have been granted to
	// run out when it is released: whoever brought the share just now may be
	// about to have it ordered. The uptime is counted in minutes.
	youngSeconds = 120
	// ReprieveSeconds is for how long a share is kept whose lease has run out
	// while nobody could say whether its object still refers to it: 30 days of
	// uptime, and one second that marks it.
	ReprieveSeconds = 30*24*3600 + 1
)

// Lease is an object's claim on a share that is here.
type Lease struct {
	Object    wire.ObjectID
	Extent    wire.ExtentID
	Index     int
	Reprieved bool // it had run out before, and nobody could be asked
}

// Release lets the object's leases of extents run out now, or soon if they are
// young, and returns how many bytes that will free. Nothing is deleted yet: see
// Drop.
func (s *Shares) Release(object wire.ObjectID, extents []wire.ExtentID) (bytes uint64, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	err = s.kv.Update(func(w kv.Writer) error {
		bytes = 0
		for _, id := range extents {
			n, err := s.releaseExtent(w, object, id)
			if err != nil {
				return err
			}
			bytes += n
		}
		return nil
	})
	return bytes, errs.Wrap("release", object.String(), classify(err))
}

func (s *Shares) releaseExtent(w kv.Writer, object wire.ObjectID, id wire.ExtentID) (bytes uint64, err error) {
	indexes, err := indexesOf(w, classShare, id)
	if err != nil {
		return 0, err
	}
	for _, i := range indexes {
		in := checked{Incoming: Incoming{Object: object, Index: i}, id: id}
		l, err := readLease(w, in)
		if absent(err) {
			continue
		}
		if err != nil {
			return 0, err
		}
		ends := s.uptime
		if granted := l.Until - min(l.Seconds, l.Until); granted+youngSeconds > s.uptime {
			ends = s.uptime + youngSeconds
		}
		l.Until = min(l.Until, ends)
		s.soonest = min(s.soonest, l.Until)
		if err := w.Set(leaseKey(id, i, object), encode(l)); err != nil {
			return 0, err
		}
		bytes += charge(l.Bytes)
	}
	return bytes, nil
}

// Expired returns at most max leases that have run out, in the order of their
// extents. It costs nothing while none has.
func (s *Shares) Expired(max int) (all []Lease, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.soonest > s.uptime {
		return nil, nil
	}
	soonest := ^uint64(0)
	err = s.kv.View(func(r kv.Reader) error {
		return r.Scan(classKey(classLease), nil, false, func(key, value []byte) (bool, error) {
			id, rest, ok := extentOf(key)
			l, err := parseLease(value)
			if err != nil || !ok || len(rest) != 1+wire.HashSize {
				return true, nil // found, and reported, when its share is read
			}
			soonest = min(soonest, l.Until)
			if l.Until <= s.uptime {
				all = append(all, Lease{
					Object: wire.ObjectID(rest[1:]), Extent: id, Index: int(rest[0]), Reprieved: l.Seconds == ReprieveSeconds,
				})
			}
			return len(all) < max, nil
		})
	})
	if err == nil && len(all) < max {
		s.soonest = soonest
	}
	return all, errs.Wrap("list leases", "", classify(err))
}

// dropsPerUpdate keeps an update of drops within the store's limits: one deletes
// at most ten keys.
const dropsPerUpdate = 256

// Drop removes leases that have run out, and the shares whose last ones they
// were. It returns what was freed, when that is durable.
func (s *Shares) Drop(leases ...Lease) (bytes uint64, err error) {
	for some := range slices.Chunk(leases, dropsPerUpdate) {
		freed, err := s.dropSome(some)
		bytes += freed
		if err != nil {
			return bytes, errs.Wrap("drop", subject(some[0].Extent, some[0].Index), classify(err))
		}
	}
	return bytes, nil
}

// dropSome is Drop for what one update holds.
func (s *Shares) dropSome(leases []Lease) (bytes uint64, err error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	var drops []dropping
	err = s.kv.Update(func(w kv.Writer) error {
		drops = drops[:0]
		for _, l := range leases {
			d, err := s.drop(w, l)
			if err != nil {
				return err
			}
			drops = append(drops, d)
		}
		return nil
	})
	if err == nil {
		err = s.kv.Sync()
	}
	if err != nil {
		// Whether it took effect is not known: only the disk can tell.
		return 0, errors.Join(err, s.load())
	}
	if err := s.countOff(drops); err != nil {
		return 0, err
	}
	for i, d := range drops {
		if !d.share {
			continue
		}
		if err := s.removeStray(leases[i].Extent, leases[i].Index); err != nil {
			return bytes, err
		}
		bytes += d.bytes
	}
	return bytes, nil
}

// countOff takes drops off the ledger.
func (s *Shares) countOff(drops []dropping) error {
	if slices.ContainsFunc(drops, func(d dropping) bool { return d.recount }) {
		return s.load()
	}
	for _, d := range drops {
		if d.lease {
			s.ledger.drop(d)
		}
	}
	return nil
}

// dropping is what a Drop takes off the ledger.
type dropping struct {
	change
	damaged bool // the share was marked so
	recount bool // its record was unreadable, and may not have been counted
}

func (s *Shares) drop(w kv.Writer, l Lease) (d dropping, err error) {
	in := checked{Incoming: Incoming{Object: l.Object, Index: l.Index}, id: l.Extent}
	held, err := readLease(w, in)
	if absent(err) || err == nil && held.Until > s.uptime {
		return d, nil // gone, or renewed meanwhile
	}
	if err != nil {
		return d, err
	}
	d.change = change{lease: true, bytes: charge(held.Bytes), object: l.Object, author: held.Author}
	if err := w.Delete(leaseKey(l.Extent, l.Index, l.Object)); err != nil {
		return d, err
	}
	others, err := s.hasLeases(w, l)
	if err != nil || others {
		return d, err
	}
	return d, removeShare(w, l, &d)
}

// hasLeases reports whether another object leases the share.
func (s *Shares) hasLeases(r kv.Reader, l Lease) (found bool, err error) {
	err = r.Scan(shareKey(classLease, l.Extent, l.Index), nil, true, func(key, _ []byte) (bool, error) {
		_, rest, ok := extentOf(key)
		found = ok && len(rest) == 1+wire.HashSize && wire.ObjectID(rest[1:]) != l.Object
		return !found, nil
	})
	return found, err
}

// removeShare deletes a share's keys, and the manifest with the last share.
func removeShare(w kv.Writer, l Lease, d *dropping) (err error) {
	rec, err := readRecord(w, l.Extent, l.Index)
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return nil
	case absent(err):
		d.recount = true // in pieces or not: those that an unreadable record had stay behind
	case err != nil:
		return err
	}
	d.share, d.disk = true, rec.diskBytes()
	if d.damaged, err = has(w, shareKey(classDamaged, l.Extent, l.Index)); err != nil {
		return err
	}
	gone := [][]byte{
		shareKey(classShare, l.Extent, l.Index), shareKey(classOutboard, l.Extent, l.Index), shareKey(classDamaged, l.Extent, l.Index),
	}
	for i := range rec.pieces() {
		gone = append(gone, pieceKey(l.Extent, l.Index, i))
	}
	indexes, err := indexesOf(w, classShare, l.Extent)
	if err != nil {
		return err
	}
	if len(indexes) == 1 {
		gone = append(gone, manifestKey(l.Extent))
	}
	for _, key := range gone {
		if err := w.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

// Extend lets a lease that has run out go on for so many seconds; with
// ReprieveSeconds it is Reprieved when it runs out again.
func (s *Shares) Extend(l Lease, seconds uint64) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	err := s.kv.Update(func(w kv.Writer) error {
		held, err := readLease(w, checked{Incoming: Incoming{Object: l.Object, Index: l.Index}, id: l.Extent})
		if absent(err) {
			return nil
		}
		if err != nil {
			return err
		}
		held.Seconds, held.Until = seconds, max(held.Until, s.uptime+seconds)
		return w.Set(leaseKey(l.Extent, l.Index, l.Object), encode(held))
	})
	return errs.Wrap("extend lease", subject(l.Extent, l.Index), classify(err))
}
