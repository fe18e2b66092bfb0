package replica

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollnet/atoll/dht/beehive"
	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

func (m *member) context() context.Context { return context.Background() }

// parent is a peer that brings copies and is played by a test.
type parent struct {
	t *testing.T
	s *p2p.Stream
}

// parent opens a line as peer n.
func (w *world) parent(t *testing.T, n int, to *member) *parent {
	t.Helper()
	synctest.Wait()
	s, err := w.open(peerID(n), to.id, LineProtocol)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	return &parent{t, s}
}

func (p *parent) send(m message) {
	p.t.Helper()
	writeMessage(p, m)
	var a acknowledgement
	if err := frame.ReadMessage(p.s, &a, ackBytesMax); err != nil {
		p.t.Fatalf("not confirmed: %v", err)
	}
}

func writeMessage(p *parent, m message) {
	p.t.Helper()
	p.s.SetDeadline(time.Now().Add(time.Hour))
	if err := frame.WriteMessage(p.s, m); err != nil {
		p.t.Fatal(err)
	}
}

func (p *parent) put(key string, value []byte) {
	p.t.Helper()
	p.send(message{Kind: kindPut, Key: []byte(key), Value: value})
}

func (p *parent) drop(key string) {
	p.t.Helper()
	p.send(message{Kind: kindDrop, Key: []byte(key)})
}

func (p *parent) beat(age time.Duration) {
	p.t.Helper()
	p.send(message{Kind: kindBeat, Age: uint64(age.Milliseconds())})
}

func (p *parent) end() {
	p.s.Reset()
	synctest.Wait()
}

// lone runs one peer that parents played by the test bring copies to.
func lone(t *testing.T, change func(*Config), test func(w *world, m *member)) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		m := w.add(change)
		m.start()
		test(w, m)
		w.stop()
	})
}

func TestCopiesAreGivenOutWhileTheirLinkLives(t *testing.T) {
	lone(t, nil, func(w *world, m *member) {
		p := w.parent(t, 50, m)
		p.put(key(1), record(key(1), 1))
		gives := func(want int) {
			t.Helper()
			value, found := m.Own(key(1))
			if !found {
				value = nil
			}
			if got := versionOf(value); got != want {
				t.Errorf("gives out version %d, want %d", got, want)
			}
		}
		gives(1)
		p.put(key(1), record(key(1), 3))
		gives(3)
		p.put(key(1), record(key(1), 2)) // late, by another way
		gives(3)
		p.beat(staleBase - 2*time.Second) // the sender's own knowledge is old
		gives(3)
		time.Sleep(2*time.Second + 1)
		gives(-1)
		time.Sleep(time.Second)
		if s := m.Status(); s.Links != 0 || s.Copies != 0 {
			t.Errorf("%+v after the link has gone silent", s)
		}

		p = w.parent(t, 50, m)
		p.put(key(1), record(key(1), 4))
		q := w.parent(t, 51, m)
		q.put(key(1), record(key(1), 4))
		p.drop(key(1))
		gives(4) // still brought by the other
		q.end()
		gives(-1)
		p.drop(key(1)) // no longer here
		p.end()
	})
}

func TestForgedRecordsAreRefused(t *testing.T) {
	lone(t, nil, func(w *world, m *member) {
		p := w.parent(t, 50, m)
		p.put(key(1), record(key(2), 1))
		p.put(key(1), []byte("rubbish"))
		p.put(key(3), record(key(3), 1))
		if s := m.Status(); s.Copies != 1 || s.Bad != 2 {
			t.Errorf("%+v after two forged records and a good one", s)
		}
		if err := frame.Write(p.s, []byte{0xff}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s := m.Status(); s.Links != 0 || s.Copies != 0 || s.Bad != 3 {
			t.Errorf("%+v after a message that is none", s)
		}
	})
}

// A peer that holds a newer record than it is brought gives out its own.
func TestHeldRecordsAreNotTurnedBack(t *testing.T) {
	lone(t, nil, func(w *world, m *member) {
		m.held[key(1)] = record(key(1), 7)
		p := w.parent(t, 50, m)
		p.put(key(1), record(key(1), 6))
		if value, _ := m.Own(key(1)); versionOf(value) != 7 {
			t.Errorf("gives out %q", value)
		}
		p.end()
	})
}

func TestCopiesAreBounded(t *testing.T) {
	const most = 10
	lone(t, func(c *Config) { c.copiesMax, c.copyBytes = most, most*40 }, func(w *world, m *member) {
		p := w.parent(t, 50, m)
		for i := range 3 * most {
			p.put(key(i), record(key(i), 1))
		}
		if s := m.Status(); s.Copies != most || s.Bytes > most*40 {
			t.Errorf("%+v, limit %d copies", s, most)
		}
		p.put(key(0), append(bytes.Repeat([]byte("x"), 500), "|2|0|signed"...)) // for another key: forged
		p.drop(key(0))
		p.put("x", []byte("x|1|0|signed"))
		if s := m.Status(); s.Copies != most {
			t.Errorf("%+v: what was dropped makes no room", s)
		}
		p.end()
	})
	lone(t, func(c *Config) { c.copiesMax, c.copyBytes = most, 200 }, func(w *world, m *member) {
		p := w.parent(t, 50, m)
		for i := range most {
			p.put(key(i), record(key(i), 1))
		}
		if s := m.Status(); s.Bytes > 200 || s.Copies == 0 {
			t.Errorf("%+v, limit 200 bytes", s)
		}
		p.end()
	})
}

func TestOnePeerCannotTakeAllRoom(t *testing.T) {
	lone(t, nil, func(w *world, m *member) {
		p := w.parent(t, 50, m)
		for i := range CopiesPerLinkMax + 10 {
			p.put(key(i), record(key(i), 1))
			if i%100 == 0 {
				p.beat(0)
			}
		}
		if s := m.Status(); s.Copies != CopiesPerLinkMax {
			t.Errorf("%+v, limit %d copies of one peer", s, CopiesPerLinkMax)
		}
		p.end()
	})
}

func TestLinksAreBounded(t *testing.T) {
	lone(t, nil, func(w *world, m *member) {
		for n := range LinksMax {
			w.parent(t, 1000+n, m)
		}
		one := w.parent(t, 5000, m)
		if _, err := one.s.Read(make([]byte, 1)); err == nil || m.Status().Links != LinksMax {
			t.Errorf("%d links, limit %d, one more: %v", m.Status().Links, LinksMax, err)
		}
		w.parent(t, 1000, m) // the same again takes its own place
		if n := m.Status().Links; n != LinksMax {
			t.Errorf("%d links, limit %d", n, LinksMax)
		}
	})
}

func TestLinesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newWorld().add(nil)
		ctx, cancel := context.WithCancel(t.Context())
		m.Replicas.mu.Lock()
		for n := range LinesMax + 10 {
			c := beehive.Contact[wire.PeerID]{Peer: peerID(100 + n), At: pointOfPeer(peerID(100 + n))}
			m.openLine(ctx, 0, c)
		}
		if n := len(m.lines); n != LinesMax {
			t.Errorf("%d lines, limit %d", n, LinesMax)
		}
		m.Replicas.mu.Unlock()
		cancel()
		m.work.Wait()
		if s := m.Status(); s.Lines != 0 {
			t.Errorf("%+v after all lines have ended", s)
		}
	})
}

// Whatever changes while a contact is slow, each record waits for it once.
func TestQueuesHoldEachRecordOnce(t *testing.T) {
	m := newWorld().add(nil)
	l := &line{slot: 3, row: 0, wake: make(chan struct{}, 1)}
	m.lines[peerID(9)] = l
	e := &entry{key: key(1), own: 0}
	for version := range 100 {
		m.update(e, func() { e.set(record(key(1), version), time.Time{}) })
	}
	if len(l.backlog) != 1 || len(l.urgent) != 0 {
		t.Fatalf("%d and %d entries wait", len(l.urgent), len(l.backlog))
	}
	if got := m.pop(l, &l.backlog); got == nil || versionOf(got.Value) != 99 {
		t.Errorf("sends %+v", got)
	}
	for version := range 100 {
		m.update(e, func() { e.set(record(key(1), 100+version), time.Time{}) })
	}
	m.drop(e)
	if len(l.urgent) != 1 || len(l.backlog) != 0 {
		t.Fatalf("%d and %d entries wait", len(l.urgent), len(l.backlog))
	}
	if got := m.pop(l, &l.urgent); got == nil || got.Kind != kindDrop {
		t.Errorf("sends %+v", got)
	}
	if m.pop(l, &l.urgent) != nil {
		t.Error("something is left")
	}
}

// A contact that hangs is given up; another in its place gets the copies.
func TestAHangingContactIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		m := w.add(nil)
		digit := -1
		var rivals []*member
		for range 200 { // two that share a first digit, which this peer does not
			other := w.add(nil)
			d := pointOfPeer(other.id).Digit(0)
			if d != pointOfPeer(m.id).Digit(0) && (digit < 0 || d == digit) {
				digit, rivals = d, append(rivals, other)
			}
			if len(rivals) == 2 {
				break
			}
		}
		w.peers = map[wire.PeerID]*member{m.id: m, rivals[0].id: rivals[0], rivals[1].id: rivals[1]}
		rivals[0].Handle(LineProtocol, p2p.Limits{}, func(ctx context.Context, _ wire.PeerID, s *p2p.Stream) {
			for { // takes all and confirms nothing
				if _, err := s.Read(make([]byte, 1024)); err != nil {
					return
				}
			}
		})
		rivals[1].start()
		m.held[key(1)] = record(key(1), 1)
		m.start()
		m.placeAt(t.Context(), key(1), 0)
		within(t, "the other contact has a copy", 3*time.Second, func() bool {
			_, found := rivals[1].Own(key(1))
			return found
		})
		delete(w.peers, rivals[0].id)
		w.stop()
	})
}

func TestAPeerThatLeadsAstrayIsNotFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := network(8)
		defer w.stop()
		w.put(key(1), 1)
		time.Sleep(time.Second)
		for _, liar := range w.order {
			liar.Handle(FindProtocol, p2p.Limits{}, func(_ context.Context, _ wire.PeerID, s *p2p.Stream) {
				var q findQuestion
				if frame.ReadMessage(s, &q, 1000) == nil { // back to the asker, or a forged record
					frame.WriteMessage(s, findAnswer{Next: []next{{Peer: peerID(0), Addresses: []string{"somewhere"}}}})
				}
			})
		}
		for _, m := range w.order {
			if value, found := m.Find(t.Context(), key(1)); found {
				t.Errorf("found %q among liars", value)
			}
		}
	})
}
