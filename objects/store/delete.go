package store

import (
	"encoding/binary"
	"errors"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

const (
	// leasesPerUpdate keeps an update of leases within the store's limits.
	leasesPerUpdate = kv.UpdateEntriesMax / 4
	// DeletedMax is the most deleted objects that are remembered, the newest:
	// only such as had shares here, so that they cost whoever fills this more
	// than they cost this peer.
	DeletedMax = 1 << 16
)

// ErrDeleted: the object is deleted, and nothing of it is stored any more.
var ErrDeleted = errors.New("the object is deleted")

// deletions are the deleted objects that are remembered. Package Shares's
// writing guards it.
type deletions struct {
	at     map[wire.ObjectID]uint64 // number in the order in which they were learned
	newest uint64
}

func deletedKey(object wire.ObjectID) []byte { return append(classKey(classDeleted), object[:]...) }

func loadDeleted(r kv.Reader) (d deletions, err error) {
	d.at = make(map[wire.ObjectID]uint64)
	prefix := classKey(classDeleted)
	err = r.Scan(prefix, nil, false, func(key, value []byte) (bool, error) {
		if len(key) != len(prefix)+wire.HashSize || len(value) != 8 {
			return true, nil // a bit of the disk: a deletion is told again, or found when a lease runs out
		}
		n := binary.BigEndian.Uint64(value)
		d.at[wire.ObjectID(key[len(prefix):])] = n
		d.newest = max(d.newest, n)
		return true, nil
	})
	return d, err
}

// oldest returns the object that was learned of first.
func (d *deletions) oldest() (object wire.ObjectID) {
	least := ^uint64(0)
	for o, n := range d.at {
		if n < least {
			object, least = o, n
		}
	}
	return object
}

// IsDeleted reports whether this peer remembers that an object is deleted.
func (s *Shares) IsDeleted(object wire.ObjectID) bool {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.isDeleted(object)
}

// isDeleted is IsDeleted for whom holds writing.
func (s *Shares) isDeleted(object wire.ObjectID) bool { return s.deleted.at[object] != 0 }

// ReleaseObject lets all leases of a deleted object run out now, young ones
// too: nothing of it will ever be ordered, and nothing of it is taken or renewed
// from here on (ErrDeleted). It returns how many bytes that will free; see Drop.
// It reads all leases that are here, unless the object has none. After an error,
// or a crash, it may be called again.
func (s *Shares) ReleaseObject(object wire.ObjectID) (bytes uint64, err error) {
	if !s.ledger.has(object) {
		return 0, nil
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	err = s.remember(object)
	of := func(l Lease) bool { return l.Object == object }
	for p := (endedPart{more: true}); p.more && err == nil; {
		p, err = s.endLeases(classKey(classLease), p.next, of)
		bytes += p.bytes
	}
	if err == nil {
		err = s.kv.Sync()
	}
	return bytes, errs.Wrap("release", object.String(), classify(err))
}

// remember notes that an object is deleted, before anything else: leases that a
// crash leaves then run out as the others did.
func (s *Shares) remember(object wire.ObjectID) error {
	if s.isDeleted(object) {
		return nil
	}
	var forgotten wire.ObjectID
	full := len(s.deleted.at) >= DeletedMax
	if full {
		forgotten = s.deleted.oldest()
	}
	n := s.deleted.newest + 1
	err := s.kv.Update(func(w kv.Writer) error {
		if full {
			if err := w.Delete(deletedKey(forgotten)); err != nil {
				return err
			}
		}
		return w.Set(deletedKey(object), wire.Uint64(n))
	})
	if err != nil {
		return err
	}
	delete(s.deleted.at, forgotten)
	s.deleted.at[object], s.deleted.newest = n, n
	return nil
}

// endedPart is what one update of many ended.
type endedPart struct {
	leases []Lease
	bytes  uint64 // that these were charged
	next   []byte // where to go on
	more   bool
}

// endLeases lets some leases run out now, whatever their age: those under a
// prefix that match, from a key on. The caller holds writing.
func (s *Shares) endLeases(prefix, from []byte, matches func(Lease) bool) (p endedPart, err error) {
	var keys [][]byte
	var held []lease
	err = s.kv.View(func(r kv.Reader) error {
		return r.Scan(prefix, from, false, func(key, value []byte) (bool, error) {
			id, rest, ok := extentOf(key)
			if !ok || len(rest) != 1+wire.HashSize {
				return true, nil
			}
			at := Lease{Object: wire.ObjectID(rest[1:]), Extent: id, Index: int(rest[0])}
			if !matches(at) {
				return true, nil
			}
			if l, err := parseLease(value); err == nil { // else it is found, and reported, when its share is read
				keys, held, p.leases = append(keys, append([]byte(nil), key...)), append(held, l), append(p.leases, at)
			}
			return len(keys) < leasesPerUpdate, nil
		})
	})
	if err != nil || len(keys) == 0 {
		return p, err
	}
	err = s.kv.Update(func(w kv.Writer) error {
		for i, l := range held {
			l.Until = min(l.Until, s.uptime)
			if err := w.Set(keys[i], encode(l)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return endedPart{}, err
	}
	s.soonest = 0
	for _, l := range held {
		p.bytes += charge(l.Bytes)
	}
	p.next, p.more = append(keys[len(keys)-1], 0), len(keys) == leasesPerUpdate
	return p, nil
}

// has reports whether an object has leases here.
func (l *ledger) has(object wire.ObjectID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.objects[object].leases > 0
}
