package replica

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollnet/atoll/dht/beehive"
	"github.com/atollnet/atoll/internal/p2p"
)

// A peer that floods this one waits; the others do not wait for it.
func TestWhatIsBroughtIsPaced(t *testing.T) {
	const burst = 4096
	slow := func(c *Config) {
		c.sendBudget = p2p.Rate{PerSecond: 2 * (messageCost + checkCost), Burst: burst}
		c.takeBudget, c.linkBudget = c.sendBudget, p2p.Rate{PerSecond: messageCost, Burst: burst}
	}
	lone(t, slow, func(w *world, m *member) {
		p, q := w.parent(t, 50, m), w.parent(t, 51, m)
		begin := time.Now()
		for i := range 20 {
			p.put(key(i), record(key(i), 1))
			if i == 10 {
				before := time.Now()
				q.put(key(100), record(key(100), 1))
				q.beat(0)
				if d := time.Since(before); d > 0 {
					t.Errorf("another peer's record is taken %v after it came", d)
				}
			}
		}
		if d := time.Since(begin); d < 5*time.Second {
			t.Errorf("twenty records taken in %v at two a second", d)
		}
		p.end()
		q.end()
	})
}

// What one home places fills its part of the table and no other.
func TestOnePartOfTheKeysCannotTakeAllRoom(t *testing.T) {
	lone(t, nil, func(w *world, m *member) {
		p := w.parent(t, 50, m)
		limit := max(cellCountMin, CopiesMax/cellShares)
		self, home := m.table.Self().At, cellOf(m.table.Self().At, pointOfKey(key(0)))
		brought, elsewhere := 0, ""
		for i := 0; brought < limit+10; i++ {
			switch cellOf(self, pointOfKey(key(i))) {
			case home:
				p.put(key(i), record(key(i), 1))
				if brought++; brought%100 == 0 {
					p.beat(0)
				}
			default:
				elsewhere = key(i)
			}
		}
		if s := m.Status(); s.Copies != limit {
			t.Errorf("%+v, limit %d copies of one part", s, limit)
		}
		p.put(elsewhere, record(elsewhere, 1))
		if s := m.Status(); s.Copies != limit+1 {
			t.Errorf("%+v: no room elsewhere", s)
		}
		p.drop(key(0))
		p.end()
		m.Replicas.mu.Lock()
		defer m.Replicas.mu.Unlock()
		if n := len(m.copies.cells); n != 0 {
			t.Errorf("%d parts are counted where there are no copies", n)
		}
	})
}

// A record that changes without end is not pushed without end.
func TestRestlessRecordsAreNotCopied(t *testing.T) {
	lone(t, nil, func(w *world, m *member) {
		p := w.parent(t, 50, m)
		version := 1
		p.put(key(1), record(key(1), version))
		for range changesBurst {
			version++
			p.put(key(1), record(key(1), version))
			if value, found := m.Own(key(1)); !found || versionOf(value) != version {
				t.Fatalf("gives out %q, version %d is new", value, version)
			}
		}
		for range 3 {
			version++
			p.put(key(1), record(key(1), version))
			if value, found := m.Own(key(1)); found {
				t.Errorf("gives out %q, which changes all the time", value)
			}
		}
		p.put(key(2), record(key(2), 1))
		if _, found := m.Own(key(2)); !found {
			t.Error("another record of that peer is not given out")
		}
		for range restlessFor / time.Second {
			time.Sleep(time.Second)
			p.beat(0)
		}
		p.put(key(1), record(key(1), version+1))
		if _, found := m.Own(key(1)); !found {
			t.Error("a record that was restless once is never copied again")
		}
		for i := range restlessMax + 10 {
			m.Replicas.mu.Lock()
			m.bar(newEntry(m.table.Self().At, key(i), 0), time.Now())
			m.Replicas.mu.Unlock()
		}
		if n := m.restless.Len(); n != restlessMax {
			t.Errorf("%d restless records are remembered, limit %d", n, restlessMax)
		}
		p.end()
	})
}

// Who keeps back changes is not believed about that record any more.
func TestKeptBackChangesAreFoundOut(t *testing.T) {
	lone(t, nil, func(w *world, m *member) {
		liar := w.parent(t, 50, m)
		liar.put(key(1), record(key(1), 1))
		liar.put(key(2), record(key(2), 1))
		m.Outdated(key(1), record(key(1), 2)) // as the nearest peers say
		wait := func(d time.Duration) {
			for range d / time.Second {
				time.Sleep(time.Second)
				liar.beat(0)
			}
		}
		if value, _ := m.Own(key(1)); versionOf(value) != 2 {
			t.Errorf("gives out %q", value)
		}
		wait(staleAfter + 2*time.Second)
		if value, found := m.Own(key(1)); found {
			t.Errorf("gives out %q on the word of a peer that kept a change back", value)
		}
		liar.put(key(1), record(key(1), 3))
		if _, found := m.Own(key(1)); found {
			t.Error("it is believed again")
		}
		if _, found := m.Own(key(2)); !found {
			t.Error("it is not believed about another record")
		}

		honest := w.parent(t, 51, m)
		honest.put(key(3), record(key(3), 1))
		m.Outdated(key(3), record(key(3), 2))
		honest.put(key(3), record(key(3), 2)) // it only was slow
		for range 2 * staleAfter / time.Second {
			time.Sleep(time.Second)
			honest.beat(0)
		}
		if _, found := m.Own(key(3)); !found {
			t.Error("a peer that was slow once is not believed")
		}
		for i := range owesMax + 1 {
			m.Outdated(key(1000+i), record(key(1000+i), 2)) // nothing of it is here
			honest.put(key(1000+i), record(key(1000+i), 1))
			m.Outdated(key(1000+i), record(key(1000+i), 2))
		}
		if _, found := m.Own(key(3)); found {
			t.Error("a peer whose records are all old is not cut off")
		}
		honest.end()
		liar.end()
	})
}

// Forged records are not checked without end.
func TestForgersAreCutOff(t *testing.T) {
	lone(t, nil, func(w *world, m *member) {
		p := w.parent(t, 50, m)
		for i := range forgedMax {
			p.put(key(i), record(key(i+1), 1))
		}
		if s := m.Status(); s.Links != 1 || s.Bad != forgedMax {
			t.Fatalf("%+v after %d forged records", s, forgedMax)
		}
		writeMessage(p, message{Kind: kindPut, Key: []byte(key(1)), Value: []byte("forged")})
		synctest.Wait()
		if s := m.Status(); s.Links != 0 {
			t.Errorf("%+v after one more", s)
		}
	})
}

// However many lookups a peer claims, it adds so many and no more.
func TestReportsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		m := w.add(nil)
		self := m.table.Self().At
		// keysOf returns keys that are nearer to this peer than to another.
		keysOf := func(n int, reporter int) (counts []count) {
			for i := 0; len(counts) < n; i++ {
				k := fmt.Sprintf("/atoll-test/%d/%d", reporter, i)
				if pointOfKey(k).Nearer(self, pointOfPeer(peerID(reporter))) {
					counts = append(counts, count{Key: []byte(k), N: countMax})
				}
			}
			return counts
		}
		for range 10 {
			m.takeReport(peerID(100), keysOf(1, 100))
		}
		if total := drained(m); total != reportedMax {
			t.Errorf("%d lookups are believed, limit %d", total, reportedMax)
		}
		one := keysOf(reportedKeysMax+10, 101)
		for i := range one {
			one[i].N = 1
			m.takeReport(peerID(101), one[i:i+1])
		}
		if n := m.counter.Len(); n != reportedKeysMax {
			t.Errorf("%d records of one reporter are counted, limit %d", n, reportedKeysMax)
		}
		drained(m)
		far := peerID(102)
		for i := range 100 {
			k := key(i)
			if pointOfKey(k).Nearer(pointOfPeer(far), self) {
				m.takeReport(far, []count{{Key: []byte(k), N: 1}})
			}
		}
		if total := drained(m); total != 0 {
			t.Errorf("%d lookups of records are counted that lie nearer to who reports them", total)
		}
		for i := range reportersMax + 10 {
			m.takeReport(peerID(1000+i), keysOf(1, 1000+i))
		}
		if n := len(m.reporters); n != reportersMax {
			t.Errorf("%d reporters, limit %d", n, reportersMax)
		}
		m.tick(t.Context(), 0)
		if n := len(m.reporters); n != 0 {
			t.Errorf("%d reporters are left of the last tick", n)
		}
	})
}

func drained(m *member) (total uint32) {
	for _, c := range m.counter.Drain() {
		total += c.N
	}
	return total
}

// No peer can make what this one passes on look older than its place allows.
func TestOldWordEndsALink(t *testing.T) {
	lone(t, nil, func(w *world, m *member) {
		n := 50
		for pointOfPeer(peerID(n)).Digit(0) == m.table.Self().At.Digit(0) {
			n++
		}
		p := w.parent(t, n, m)
		p.put(key(1), record(key(1), 1))
		p.beat(staleAfter)
		if _, found := m.Own(key(1)); found {
			t.Error("a copy is given out that may be ten seconds old")
		}
		time.Sleep(2 * time.Second)
		m.Replicas.mu.Lock()
		age := m.age(beehive.Digits, time.Now())
		m.Replicas.mu.Unlock()
		if age > staleBase || m.Status().Links != 0 {
			t.Errorf("passes on that its copies are %v old", age)
		}
		p.end()
	})
}

// A contact that confirms slowly is told that all is new all the same.
func TestTheBacklogDoesNotDelayTheBeat(t *testing.T) {
	m := newWorld().add(nil)
	l := &line{row: 0, wake: make(chan struct{}, 1), since: time.Now()}
	m.lines[peerID(9)] = l
	for i := range 3 * windowMax {
		e := newEntry(m.table.Self().At, key(i), 0)
		m.update(e, func() { e.set(record(key(i), 1), time.Time{}) })
	}
	now := time.Now()
	beat := now
	sent := 0
	for {
		got, _ := m.next(l, &beat, now)
		if got == nil {
			break
		}
		sent++
	}
	if sent != windowMax {
		t.Fatalf("%d messages before one is confirmed, limit %d", sent, windowMax)
	}
	if got, _ := m.next(l, &beat, now.Add(beatEvery)); got == nil || got.Kind != kindBeat {
		t.Errorf("%+v when a beat is due", got)
	}
	l.taken = l.sent
	if got, _ := m.next(l, &beat, now.Add(beatEvery)); got == nil || got.Kind != kindPut {
		t.Errorf("%+v when all is confirmed", got)
	}
}

// Changes have a budget too; while they wait, nothing is said to be new.
func TestChangesWaitWhenThereAreTooMany(t *testing.T) {
	m := newWorld().add(nil)
	m.push = newBudget(p2p.Rate{PerSecond: messageCost / 4, Burst: messageCost})
	l := &line{row: 0, wake: make(chan struct{}, 1), since: time.Now()}
	m.lines[peerID(9)] = l
	now := time.Now()
	beat := now
	for i := range 3 {
		e := newEntry(m.table.Self().At, key(i), 0)
		e.sent.set(l.slot)
		m.update(e, func() { e.set(record(key(i), 1), time.Time{}) })
	}
	kinds := func(now time.Time) (sent []kind) {
		for {
			got, pause := m.next(l, &beat, now)
			if got == nil {
				if pause <= 0 {
					t.Error("no pause")
				}
				return sent
			}
			sent = append(sent, got.Kind)
			l.taken = l.sent
		}
	}
	if got := fmt.Sprint(kinds(now)); got != "[1]" {
		t.Errorf("sends %s at once", got)
	}
	if got := fmt.Sprint(kinds(now.Add(500 * time.Millisecond))); got != "[1]" { // into debt
		t.Errorf("sends %s when a little is left", got)
	}
	if got := fmt.Sprint(kinds(now.Add(3 * time.Second))); got != "[]" {
		t.Errorf("sends %s while a change waits", got)
	}
	if got := fmt.Sprint(kinds(now.Add(5 * time.Second))); got != "[1 3]" {
		t.Errorf("sends %s in the end", got)
	}
}
