package dht

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"time"

	ds "github.com/ipfs/go-datastore"

	"github.com/atollnet/atoll/dht/replica"
	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/wire"
)

// untilMax is longer than popularity takes to be known on a loaded machine.
const untilMax = time.Minute

// until looks every few milliseconds whether something has come to be.
func until(t testing.TB, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(untilMax); !done(); {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("it never comes to be that %s", what)
		}
	}
}

// hurried are peers that place copies within a second.
func hurried(t testing.TB, n int) []*member {
	return startMembersWith(t, n, func(c *Config) { c.cachingTick = 100 * time.Millisecond })
}

// popular has all peers ask for a record until a copy lies on each that is not
// its home, and returns its key.
func popular(t testing.TB, members []*member, kind wire.RecordKind, id wire.RecordID) string {
	t.Helper()
	key := recordKey(kind, id)
	until(t, "a copy lies on every peer", func() bool {
		copied := 0
		for _, m := range members {
			if _, found := m.replicas.Own(key); found {
				copied++
			}
			if _, err := m.Record(t.Context(), kind, id); err != nil {
				t.Fatal(err)
			}
		}
		return copied >= len(members)-1
	})
	return key
}

func TestPopularRecordsAreCopiedAndKeptUpToDate(t *testing.T) {
	var mu sync.Mutex
	told := 0
	members := startMembersWith(t, 8, func(c *Config) {
		c.cachingTick = 100 * time.Millisecond
		c.Stored = func(wire.RecordKind, wire.RecordID) {
			mu.Lock()
			defer mu.Unlock()
			told++
		}
	})
	later, id := time.Now().Add(time.Hour), recordID(1)
	if _, err := members[0].PutRecord(t.Context(), wire.RecordName, id, makeRecord(id, 1, later)); err != nil {
		t.Fatal(err)
	}
	key := popular(t, members, wire.RecordName, id)
	mu.Lock()
	told = 0
	mu.Unlock()
	fresh := makeRecord(id, 2, later)
	if _, err := members[0].PutRecord(t.Context(), wire.RecordName, id, fresh); err != nil {
		t.Fatal(err)
	}
	until(t, "every copy is the new record", func() bool {
		copied := 0
		for _, m := range members {
			if value, found := m.replicas.Own(key); found && bytes.Equal(value, fresh) {
				copied++
			}
		}
		return copied >= len(members)-1
	})
	for _, m := range members {
		if got, err := m.Record(t.Context(), wire.RecordName, id); err != nil || !bytes.Equal(got, fresh) {
			t.Errorf("after the change: %x, %v", got, err)
		}
	}
	mu.Lock()
	if told < len(members)-1 {
		t.Errorf("%d of %d peers say that the record has changed", told, len(members))
	}
	mu.Unlock()
}

func TestPopularHeadsAreCopied(t *testing.T) {
	members := hurried(t, 6)
	if _, err := members[0].PutHead(t.Context(), object(1), makeHead(object(1), 1)); err != nil {
		t.Fatal(err)
	}
	key := headKey(object(1))
	until(t, "a copy lies on every peer", func() bool {
		copied := 0
		for _, m := range members {
			if _, found := m.replicas.Own(key); found {
				copied++
			}
			if _, err := m.Head(t.Context(), object(1)); err != nil {
				t.Fatal(err)
			}
		}
		return copied >= len(members)-1
	})
	fresh := makeHead(object(1), 2)
	if _, err := members[1].PutHead(t.Context(), object(1), fresh); err != nil {
		t.Fatal(err)
	}
	until(t, "every peer finds the new head", func() bool {
		for _, m := range members {
			if got, err := m.Head(t.Context(), object(1)); err != nil || !bytes.Equal(got, fresh) {
				return false
			}
		}
		return true
	})
}

// What nobody asks for any more is taken back from all who have a copy, and is
// still found where it lies.
func TestCopiesAreWithdrawnWhenPopularityFalls(t *testing.T) {
	const records = 30
	members := startMembersWith(t, 6, func(c *Config) { c.cachingTick = 40 * time.Millisecond })
	later := time.Now().Add(time.Hour)
	for i := range records {
		if _, err := members[i%len(members)].PutRecord(t.Context(), wire.RecordName, recordID(i), makeRecord(recordID(i), 1, later)); err != nil {
			t.Fatal(err)
		}
	}
	once := recordID(0)
	key := popular(t, members, wire.RecordName, once)
	next := 0
	until(t, "no peer has a copy of what is not asked for", func() bool {
		for _, m := range members {
			next++
			if _, err := m.Record(t.Context(), wire.RecordName, recordID(1+next%(records-1))); err != nil {
				t.Fatal(err)
			}
		}
		for _, m := range members {
			if _, found := m.replicas.Own(key); found {
				return false
			}
		}
		s, err := members[0].Standing(t.Context(), wire.RecordName, once, makeRecord(once, 1, later))
		return err == nil && s.Level == LevelNearest
	})
	for i, m := range members {
		if got, err := m.Record(t.Context(), wire.RecordName, once); err != nil || !bytes.Equal(got, makeRecord(once, 1, later)) {
			t.Errorf("member %d finds %x, %v", i, got, err)
		}
	}
}

// line is a peer of a test that brings another copies.
type line struct {
	t    testing.TB
	send func(m any)
}

// bring opens a line to a peer, which is kept alive until the test ends.
func bring(t testing.TB, from, to *member) *line {
	t.Helper()
	s, err := from.host.Open(t.Context(), to.host.Self(), replica.LineProtocol)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Reset() })
	var mu sync.Mutex
	l := &line{t, func(m any) {
		mu.Lock()
		defer mu.Unlock()
		_ = frame.WriteMessage(s, m) // the peer may have had enough
	}}
	beating := time.NewTicker(100 * time.Millisecond)
	ended, end := context.WithCancel(context.Background())
	var beats sync.WaitGroup
	beats.Go(func() {
		for {
			select {
			case <-beating.C:
				l.send([]any{3, []byte{}, []byte{}, 0})
			case <-ended.Done():
				return
			}
		}
	})
	t.Cleanup(func() { beating.Stop(); end(); beats.Wait() })
	return l
}

func (l *line) put(key string, value []byte) { l.send([]any{1, []byte(key), value, 0}) }

// A peer that brings an old record, and says again and again that it is new, is
// believed until the record is compared with what the nearest hold.
func TestAnOldCopyIsFoundOut(t *testing.T) {
	members := startMembers(t, 5)
	liar, victim, id := members[1], members[4], recordID(1)
	later := time.Now().Add(time.Hour)
	old, fresh := makeRecord(id, 1, later), makeRecord(id, 2, later)
	if _, err := members[0].PutRecord(t.Context(), wire.RecordName, id, fresh); err != nil {
		t.Fatal(err)
	}
	key := recordKey(wire.RecordName, id)
	err := victim.table.keys(t.Context(), recordPrefix(wire.RecordName), 0, func(k ds.Key) error {
		return victim.table.Delete(t.Context(), k) // it lies elsewhere, as if peers were many
	})
	if err != nil {
		t.Fatal(err)
	}
	bring(t, liar, victim).put(key, old)
	until(t, "the old record is taken", func() bool { _, found := victim.replicas.Own(key); return found })
	until(t, "the new record is given out", func() bool {
		got, err := victim.Record(t.Context(), wire.RecordName, id)
		return err == nil && bytes.Equal(got, fresh)
	})
	for range 20 {
		if got, err := victim.Record(t.Context(), wire.RecordName, id); err != nil || !bytes.Equal(got, fresh) {
			t.Fatalf("led back to %x, %v", got, err)
		}
	}
}

// What is no record, or has another's key, is not given out, whoever brings it.
func TestForgedCopiesAreRefused(t *testing.T) {
	members := startMembers(t, 3)
	id, other := recordID(1), recordID(2)
	later := time.Now().Add(time.Hour)
	l := bring(t, members[1], members[2])
	l.put(recordKey(wire.RecordName, id), makeRecord(other, 1, later))
	l.put(recordKey(wire.RecordName, id), []byte("rubbish"))
	l.put("/providers/x", makeRecord(id, 1, later))
	l.put(headKey(object(1)), makeHead(object(2), 1))
	l.put(recordKey(wire.RecordName, id), makeRecord(id, 1, time.Now().Add(-time.Hour)))
	until(t, "all are refused", func() bool { return members[2].Caching().Bad == 5 })
	l.put(recordKey(wire.RecordName, id), makeRecord(id, 1, later))
	until(t, "a good one is taken", func() bool { return members[2].Caching().Copies == 1 })
}

// A record that this peer's own user has seen a newer one of is not given out.
func TestCopiesDoNotLeadBack(t *testing.T) {
	members := startMembers(t, 3)
	victim, id := members[2], recordID(1)
	later := time.Now().Add(time.Hour)
	fresh := makeRecord(id, 5, later)
	if err := victim.table.raiseNameFloor(t.Context(), wire.RecordName, id, fresh); err != nil {
		t.Fatal(err)
	}
	key := recordKey(wire.RecordName, id)
	bring(t, members[1], victim).put(key, makeRecord(id, 4, later))
	until(t, "the old record is taken", func() bool { _, found := victim.replicas.Own(key); return found })
	if got, err := victim.Record(t.Context(), wire.RecordName, id); err == nil {
		t.Errorf("led back to %x", got)
	}
}

// Records are compared now and then, however often they are asked for.
func TestDoubtsAreBounded(t *testing.T) {
	d, now := newDoubts(), time.Now()
	if !d.due("a", now) || d.due("a", now) {
		t.Error("a record is to be compared once")
	}
	d.done()
	if !d.due("a", now.Add(doubtEvery)) {
		t.Error("a record is not to be compared again")
	}
	d.done()
	for i := range doubtsAtOnce + 3 {
		if d.due(string(rune('b'+i)), now) != (i < doubtsAtOnce) {
			t.Errorf("record %d of %d that may be compared at once", i, doubtsAtOnce)
		}
	}
	for range doubtsAtOnce {
		d.done()
	}
	compared := 0
	for i := range 2 * doubtsMax {
		if d.due(recordKey(wire.RecordName, recordID(i)), now.Add(2*doubtEvery)) {
			compared++
			d.done()
		}
	}
	if compared > doubtsBurst || d.last.Len() > doubtsMax {
		t.Errorf("%d records are compared at once, limit %d; %d are remembered, limit %d", compared, doubtsBurst, d.last.Len(), doubtsMax)
	}
}

// The owner of a record sees on how many peers it is, and how it is copied.
func TestTheStandingOfARecord(t *testing.T) {
	members := hurried(t, 6)
	id := recordID(1)
	value := makeRecord(id, 1, time.Now().Add(time.Hour))
	if _, err := members[0].PutRecord(t.Context(), wire.RecordName, id, value); err != nil {
		t.Fatal(err)
	}
	s, err := members[0].Standing(t.Context(), wire.RecordName, id, value)
	if err != nil || s.Holders != 5 || s.Level != LevelNearest || !s.Known || s.PerHour != 0 {
		t.Errorf("right after it was put: %+v, %v", s, err)
	}
	for _, m := range members { // whoever is its home
		until(t, "a record that is asked for is copied to every peer, and said to be", func() bool {
			for _, other := range members {
				if _, err := other.Record(t.Context(), wire.RecordName, id); err != nil {
					t.Fatal(err)
				}
			}
			s, err := m.Standing(t.Context(), wire.RecordName, id, value)
			return err == nil && s.Holders == 5 && s.Level == 0 && s.PerHour > 0
		})
	}
	newer := makeRecord(id, 2, time.Now().Add(time.Hour))
	if s, err := members[0].Standing(t.Context(), wire.RecordName, id, newer); err != nil || s.Holders != 0 {
		t.Errorf("of a record that nobody has yet: %+v, %v", s, err)
	}
	lone := startMember(t, 50, nil)
	if s, err := lone.Standing(t.Context(), wire.RecordName, id, value); err == nil && s.Holders != 0 {
		t.Errorf("of a peer that is alone: %+v", s)
	}
}
