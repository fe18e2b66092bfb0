package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// LeaseSecondsMaxDefault is the longest lease unless configured: 400 days of
// this peer's uptime.
const LeaseSecondsMaxDefault = 400 * 24 * 3600

// Config says how much others may store here. Zero limits but QuotaBytes mean
// the default.
type Config struct {
	QuotaBytes      uint64 // of all shares; at least 1
	AuthorBytesMax  uint64 // of the shares of one author; default: the quota
	ObjectBytesMax  uint64 // of the shares of one object; default: the quota
	LeaseSecondsMax uint64 // default LeaseSecondsMaxDefault
	// Room is the key-value store's. With it the quota bounds what all of the
	// store takes of the disk, and shares stop where the reserve begins; nil:
	// the quota bounds only what shares are charged.
	Room func() (kv.Room, error)
}

func (c Config) withDefaults() (Config, error) {
	if c.QuotaBytes == 0 {
		return c, errs.Newf("open share store", "", errs.Usage, "a quota of 0 bytes stores nothing")
	}
	if c.AuthorBytesMax == 0 {
		c.AuthorBytesMax = c.QuotaBytes
	}
	if c.ObjectBytesMax == 0 {
		c.ObjectBytesMax = c.QuotaBytes
	}
	if c.LeaseSecondsMax == 0 {
		c.LeaseSecondsMax = LeaseSecondsMaxDefault
	}
	return c, nil
}

// Shares are the shares that this peer holds. It is safe for concurrent use.
type Shares struct {
	kv     kv.Store
	files  kv.Files // the kv store's
	config Config

	// writing is held from the look at the ledger until a change is counted in
	// it, so that two puts cannot share the last free bytes. It guards ledger,
	// uptime, arriving, soonest and deleted; the sync that follows is not made
	// under it.
	writing  sync.Mutex
	ledger   *ledger
	uptime   uint64         // seconds, as persisted
	arriving map[string]int // files that Puts under way rely on
	soonest  uint64         // no lease runs out before this uptime; 0: not known
	deleted  deletions

	denied denials
}

// Open counts what is stored, which takes a few seconds for a million shares.
func Open(store kv.Store, c Config) (*Shares, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Shares{kv: store, files: store.Files(), config: c, arriving: make(map[string]int)}
	err = s.load()
	if err == nil {
		err = classify(s.sweepFiles())
	}
	if err != nil {
		return nil, errs.Wrap("open share store", "", err)
	}
	return s, nil
}

// load counts anew what is on disk. The caller holds writing, or is Open.
func (s *Shares) load() error {
	fresh, uptime := newLedger(s.config), uint64(0)
	var deleted deletions
	var denied map[Denied]bool
	err := s.kv.View(func(r kv.Reader) (err error) {
		if err := loadShares(r, fresh); err != nil {
			return err
		}
		if err := loadLeases(r, fresh); err != nil {
			return err
		}
		if err := loadDamaged(r, fresh); err != nil {
			return err
		}
		if deleted, err = loadDeleted(r); err != nil {
			return err
		}
		if denied, err = loadDenied(r); err != nil {
			return err
		}
		uptime, err = loadUptime(r)
		return err
	})
	if err != nil {
		return classify(err)
	}
	s.setLedger(fresh)
	s.uptime, s.deleted = uptime, deleted
	s.denied.replace(denied)
	return nil
}

// setLedger replaces the counts in place, for readers that hold the ledger.
func (s *Shares) setLedger(fresh *ledger) {
	if s.ledger == nil {
		s.ledger = fresh
		return
	}
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	s.ledger.usage, s.ledger.authors, s.ledger.objects = fresh.usage, fresh.authors, fresh.objects
}

// loadShares counts shares. A record that does not parse is found again, and
// reported, when its share is read.
func loadShares(r kv.Reader, l *ledger) error {
	return r.Scan(classKey(classShare), nil, false, func(_, value []byte) (bool, error) {
		if rec, err := parseRecord(value); err == nil {
			l.apply(change{share: true, bytes: charge(rec.Bytes), disk: rec.diskBytes()})
		}
		return true, nil
	})
}

func loadLeases(r kv.Reader, l *ledger) error {
	return r.Scan(classKey(classLease), nil, false, func(key, value []byte) (bool, error) {
		held, err := parseLease(value)
		_, rest, ok := extentOf(key)
		if err == nil && ok && len(rest) == 1+wire.HashSize {
			l.apply(change{lease: true, bytes: charge(held.Bytes), author: held.Author, object: wire.ObjectID(rest[1:])})
		}
		return true, nil
	})
}

func loadDamaged(r kv.Reader, l *ledger) error {
	return r.Scan(classKey(classDamaged), nil, true, func([]byte, []byte) (bool, error) {
		l.damage()
		return true, nil
	})
}

func loadUptime(r kv.Reader) (seconds uint64, err error) {
	err = r.Get(uptimeKey, func(v []byte) error {
		if len(v) != 8 {
			return fmt.Errorf("%w: uptime of %d bytes", kv.ErrDamaged, len(v))
		}
		seconds = binary.BigEndian.Uint64(v)
		return nil
	})
	if errors.Is(err, kv.ErrNotFound) {
		return 0, nil
	}
	return seconds, err
}

// Usage returns what is stored, from memory.
func (s *Shares) Usage() Usage { return s.ledger.current() }

// Accounts lists the authors and the objects whose leases come to most, at most
// max of each.
func (s *Shares) Accounts(max int) (authors, objects []Account) { return s.ledger.accounts(max) }

// Tick adds to the uptime on which leases run. It is not synced: a crash may
// forget the last ticks, and leases then last longer by them.
func (s *Shares) Tick(seconds uint64) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	uptime := s.uptime + seconds
	if err := s.kv.Update(func(w kv.Writer) error { return w.Set(uptimeKey, wire.Uint64(uptime)) }); err != nil {
		return errs.Wrap("count uptime", "", classify(err))
	}
	s.uptime = uptime
	return nil
}
