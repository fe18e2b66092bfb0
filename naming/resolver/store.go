package resolver

import (
	"context"
	"errors"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/atollnet/atoll/internal/tasks"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
	"github.com/atollnet/atoll/naming/record"
)

// Records is where records come from: the DHT, and what this peer published.
type Records interface {
	// Record returns the newest record that can be had. It is checked as
	// record.Check does, and never older than one that was returned before.
	// Errors: ErrAbsent if no peer has it; that of the context.
	Record(ctx context.Context, kind wire.RecordKind, id wire.RecordID) ([]byte, error)
}

// ErrAbsent is returned by Records where no peer has a record. It proves
// nothing: peers may withhold.
var ErrAbsent = errors.New("no peer has the record")

const (
	// refreshAge is how old a record becomes before a question for it has it
	// confirmed in the background, recordAge how old it becomes before a
	// question waits for that: a change of a zone is seen everywhere within
	// that time, whatever the times to live that clients are told. It is also
	// how often a record that its zone's own record confirms is looked up
	// itself.
	refreshAge = 500 * time.Millisecond
	recordAge  = 10 * time.Second
	// fetchMax bounds one lookup, and staleAfter how long a question waits for
	// one while there is an older record that is still valid (RFC 8767
	// section 5).
	fetchMax   = 8 * time.Second
	staleAfter = 1800 * time.Millisecond
	// recordsMax bounds the records that are remembered, at most 8 KiB each
	// and a tenth of that as a rule.
	recordsMax = 1 << 14
	// refreshesMax bounds the lookups in the background at one time; above it
	// records grow old until a question waits.
	refreshesMax = 32
)

// found is a record that was looked up, or that it was not found.
type found struct {
	name   *record.Name
	denial *record.Denial
	err    error     // ErrAbsent, or why the record is no good
	at     time.Time // when the lookup began
	since  time.Time // when the first lookup that found this serial number had ended
	key    string    // of the record, and of the zone's own one, in the store
	apex   string
	id     wire.RecordID // of the zone's own record
	// verified holds links whose RRSIGs were checked; of a name, all.
	mu       sync.Mutex
	verified map[*record.Link]error
}

func (f *found) zone() *record.Zone {
	if f.name != nil {
		return &f.name.Zone
	}
	return &f.denial.Zone
}

// good reports whether it is a record that is valid at that time.
func (f *found) good(now time.Time) bool { return f.err == nil && f.zone().ValidAt(now) == nil }

// store is the resolver's memory of records.
type store struct {
	from    Records
	now     func() time.Time
	flight  singleflight.Group
	known   *lru.Cache[string, *found]
	refresh chan struct{}
	tasks   *tasks.Group
}

func newStore(from Records, now func() time.Time, t *tasks.Group) *store {
	known, err := lru.New[string, *found](recordsMax)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return &store{from: from, now: now, known: known, refresh: make(chan struct{}, refreshesMax), tasks: t}
}

func storeKey(kind wire.RecordKind, id wire.RecordID) string { return string(kind) + string(id[:]) }

// got is a record and how it was come by.
type got struct {
	*found
	asOf   time.Time // when it was the newest
	looked bool      // somebody was asked
	stale  bool      // it is older than it should be
}

// get returns a record that was the newest at most maxAge ago, or a stale one
// where none can be had.
func (s *store) get(ctx context.Context, kind wire.RecordKind, id wire.RecordID, maxAge time.Duration) got {
	now, key := s.now(), storeKey(kind, id)
	old, ok := s.known.Get(key)
	usable := ok && old.good(now)
	var asOf time.Time
	switch {
	case usable:
		asOf = s.asOf(old)
		age := now.Sub(asOf)
		if age >= refreshAge && age < maxAge || now.Sub(old.at) >= recordAge && age < refreshAge {
			s.again(old, kind, id)
		}
		if age < maxAge {
			return got{found: old, asOf: asOf}
		}
	case ok && old.err != nil && now.Sub(old.at) < failureTTL:
		return got{found: old, asOf: old.at}
	}
	patience := ctx
	if usable {
		var cancel context.CancelFunc
		patience, cancel = context.WithTimeout(ctx, staleAfter)
		defer cancel()
	}
	f := s.renew(patience, old, asOf, kind, id)
	if f.err != nil && usable {
		return got{found: old, asOf: old.at, looked: true, stale: true}
	}
	return got{found: f, asOf: s.asOf(f), looked: true}
}

// asOf returns when a record was known to be its zone's newest: when it was looked
// up, or when the zone's own record was, if that has not changed since. Each
// publication of a zone changes that one, as the last of all, so that one lookup
// confirms all records of a zone.
func (s *store) asOf(f *found) time.Time {
	if a := s.confirming(f); a != nil && a.at.After(f.at) {
		return a.at
	}
	return f.at
}

// confirming returns the zone's own record if it says that this one has not changed.
func (s *store) confirming(f *found) *found {
	if f.err != nil || f.apex == f.key {
		return nil
	}
	a, ok := s.known.Peek(f.apex)
	if !ok || !a.good(s.now()) || a.since.After(f.at) {
		return nil
	}
	return a
}

// renew finds out whether a record is still the newest, or looks it up. Who calls it
// saw that it was the newest as of that time; if the zone's own record has confirmed
// it since, on behalf of another, that is not asked again.
func (s *store) renew(ctx context.Context, old *found, asOf time.Time, kind wire.RecordKind, id wire.RecordID) *found {
	if old == nil || s.now().Sub(old.at) >= recordAge {
		return s.wait(ctx, old, kind, id)
	}
	if apex := s.confirming(old); apex != nil {
		if apex.at.After(asOf) {
			return old
		}
		if a := s.wait(ctx, apex, wire.RecordName, old.id); a.err == nil && s.confirming(old) != nil {
			return old
		}
	}
	return s.wait(ctx, old, kind, id)
}

// wait looks a record up, with all others who want it. Who comes when that has
// just ended finds that what is remembered is not what was seen before, nil for
// nothing, and takes it: of a thousand who ask at once none asks again.
func (s *store) wait(ctx context.Context, seen *found, kind wire.RecordKind, id wire.RecordID) *found {
	key := storeKey(kind, id)
	done := s.flight.DoChan(key, func() (any, error) {
		if f, _ := s.known.Peek(key); f != seen {
			return f, nil
		}
		return s.fetch(kind, id), nil
	})
	select {
	case r := <-done:
		return r.Val.(*found)
	case <-ctx.Done():
		return &found{err: ctx.Err(), at: s.now()}
	}
}

// again renews a record in the background, unless enough are.
func (s *store) again(old *found, kind wire.RecordKind, id wire.RecordID) {
	select {
	case s.refresh <- struct{}{}:
	default:
		return
	}
	asOf := s.asOf(old)
	if !s.tasks.Go(func(ctx context.Context) {
		defer func() { <-s.refresh }()
		s.renew(ctx, old, asOf, kind, id)
	}) {
		<-s.refresh
	}
}

// fetch looks a record up, checks it, and remembers what came of it. A record
// that is good is not forgotten because nobody has it now.
func (s *store) fetch(kind wire.RecordKind, id wire.RecordID) *found {
	ctx, cancel := context.WithTimeout(s.tasks.Context(), fetchMax)
	defer cancel()
	f := &found{at: s.now(), key: storeKey(kind, id)}
	value, err := s.from.Record(ctx, kind, id)
	if f.err = err; err == nil {
		f.parse(kind, id, value)
	}
	f.since = s.now()
	key := f.key
	old, ok := s.known.Get(key)
	if f.err == nil && ok && old.err == nil && old.zone().Serial == f.zone().Serial {
		f.since = old.since
	}
	switch {
	case f.err == nil && ok && old.err == nil && old.zone().Serial > f.zone().Serial:
		return old // led back: the newer one stays
	case f.err != nil && ok && old.good(f.at):
		return f // the caller decides; the old record stays
	}
	s.known.Add(key, f)
	return f
}

func (f *found) parse(kind wire.RecordKind, id wire.RecordID, value []byte) {
	if f.err = record.Check(kind, id, value, f.at); f.err != nil {
		return
	}
	if kind == wire.RecordDenial {
		f.denial, f.err = record.ParseDenial(value)
	} else if f.name, f.err = record.ParseName(value); f.err == nil {
		f.err = f.name.VerifySets()
	}
	if f.err == nil { // clients are stricter about the time than peers are
		f.err = f.zone().ValidAt(f.at)
	}
	if f.err == nil {
		var digest naming.Digest
		digest, f.err = f.zone().Digest()
		f.id = naming.NameID(digest, f.zone().Origin)
		f.apex = storeKey(wire.RecordName, f.id)
	}
}

// check checks the RRSIG of a link of a page, once.
func (f *found) check(l *record.Link) error {
	if f.denial == nil {
		return nil // a name's were checked when it came
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	err, done := f.verified[l]
	if !done {
		err = f.zone().VerifyLink(l)
		if f.verified == nil {
			f.verified = map[*record.Link]error{}
		}
		f.verified[l] = err
	}
	return err
}

// changed says that this peer was given a newer record.
func (s *store) changed(kind wire.RecordKind, id wire.RecordID) {
	if old, ok := s.known.Peek(storeKey(kind, id)); ok {
		s.again(old, kind, id)
	}
}
