package ringnet

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

// inbox collects what links deliver.
type inbox struct {
	mu       sync.Mutex
	messages [][]byte
	from     []wire.PeerID
}

func (i *inbox) deliver(from wire.PeerID, m []byte) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.messages, i.from = append(i.messages, m), append(i.from, from)
}

func (i *inbox) len() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.messages)
}

// links starts the links of a peer; they end with the test's bubble.
func links(t *testing.T, m *mesh, n byte) (*Links, *inbox) {
	i := new(inbox)
	l := NewLinks(m.at(peer(n)), i.deliver, silent)
	l.Listen()
	t.Cleanup(l.Close)
	return l, i
}

func number(n int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }

func TestMessagesArriveInOrderOverOneStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh()
		a, _ := links(t, m, 1)
		_, b := links(t, m, 2)
		const count = 1000
		for i := range count {
			a.Send(peer(2), number(i))
		}
		synctest.Wait()
		if b.len() != count {
			t.Fatalf("%d messages of %d arrived", b.len(), count)
		}
		for i, got := range b.messages {
			if !bytes.Equal(got, number(i)) || b.from[i] != peer(1) {
				t.Fatalf("message %d is %x from %v", i, got, b.from[i])
			}
		}
		if m.dials(peer(2)) != 1 {
			t.Errorf("%d streams were opened, want one", m.dials(peer(2)))
		}
	})
}

// writes counts the packets that a stream would be cut into.
type writes int

func (w *writes) Write(p []byte) (int, error) { *w++; return len(p), nil }

func TestWhatWaitsTravelsTogether(t *testing.T) {
	l := NewLinks(newMesh().at(peer(1)), nil, silent)
	s, _ := p2p.Pipe(peer(1), peer(2))
	to := &line{peer: peer(2)}
	for i := range 100 {
		to.queue = append(to.queue, number(i))
		to.bytes, l.bytes = to.bytes+8, l.bytes+8
	}
	var w writes
	if err := l.write(s, bufio.NewWriterSize(&w, linkBufferBytes), to); err != nil {
		t.Fatal(err)
	}
	if w != 1 || to.bytes != 0 || l.bytes != 0 {
		t.Errorf("%d packets, %d bytes still count for the peer and %d for all", w, to.bytes, l.bytes)
	}
}

func TestLinesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh()
		m.gate = make(chan struct{})
		a, _ := links(t, m, 1)
		_, b := links(t, m, 2)
		big := make([]byte, bft.MessageBytesMax)
		for range 2 * LineBytesMax / len(big) {
			a.Send(peer(2), big)
		}
		for p := byte(3); p < 20; p++ { // there is nobody
			for range LineBytesMax / len(big) {
				a.Send(peer(p), big)
			}
		}
		if a.lines[peer(2)].bytes != LineBytesMax || a.bytes != LinksBytesMax {
			t.Errorf("%d bytes wait for one peer and %d for all", a.lines[peer(2)].bytes, a.bytes)
		}
		close(m.gate)
		synctest.Wait()
		if want := LineBytesMax / len(big); b.len() != want {
			t.Errorf("%d messages arrived, want %d", b.len(), want)
		}
		time.Sleep(2 * retryPause)
		if a.bytes != 0 {
			t.Errorf("%d bytes still count when nothing waits", a.bytes)
		}
	})
}

func TestLinesAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh()
		m.gate = make(chan struct{})
		a, _ := links(t, m, 1)
		for i := range LinesMax + 10 {
			a.Send(wire.PeerID{1, byte(i), byte(i >> 8)}, number(i))
		}
		if len(a.lines) != LinesMax {
			t.Errorf("%d lines, limit %d", len(a.lines), LinesMax)
		}
	})
}

// A bubble ends only when all goroutines in it have: none is left of an idle
// stream, though the links are open.
func TestIdleStreamsClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh()
		ended := make(chan error, 1)
		m.at(peer(2)).Handle(Protocol, p2p.Limits{}, func(_ context.Context, _ wire.PeerID, s *p2p.Stream) {
			_, err := io.Copy(io.Discard, s)
			ended <- err
		})
		a := NewLinks(m.at(peer(1)), nil, silent)
		for range 3 { // each message keeps it open
			a.Send(peer(2), number(1))
			time.Sleep(idleTimeout - time.Second)
		}
		synctest.Wait()
		if len(ended) != 0 || m.dials(peer(2)) != 1 {
			t.Fatalf("a stream in use was closed")
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if len(ended) != 1 || len(a.lines) != 0 {
			t.Fatalf("the idle stream is open")
		}
		if err := <-ended; err != nil {
			t.Errorf("it ended with %v", err)
		}
	})
}

func TestADeadPeerIsNotDialledForEachMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh()
		a, _ := links(t, m, 1)
		for range 100 {
			a.Send(peer(2), number(1))
			time.Sleep(retryPause / 10)
		}
		synctest.Wait()
		if n := m.dials(peer(2)); n > 12 {
			t.Errorf("%d dials in ten pauses", n)
		}
		_, b := links(t, m, 2)
		a.Send(peer(2), number(7))
		time.Sleep(2 * retryPause)
		if n := b.len(); n == 0 || !bytes.Equal(b.messages[n-1], number(7)) {
			t.Errorf("when it is back, %d messages arrive", n)
		}
	})
}

func TestAStalledPeerHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh()
		reset := make(chan error, 1)
		m.at(peer(2)).Handle(Protocol, p2p.Limits{}, func(ctx context.Context, _ wire.PeerID, s *p2p.Stream) {
			time.Sleep(2 * frameTimeout) // reads nothing for so long
			_, err := io.Copy(io.Discard, s)
			reset <- err
		})
		a, _ := links(t, m, 1)
		_, c := links(t, m, 3)
		big := make([]byte, bft.MessageBytesMax)
		for range 4 {
			a.Send(peer(2), big)
		}
		a.Send(peer(3), number(3))
		synctest.Wait()
		if c.len() != 1 {
			t.Error("another peer waits for the one that is stalled")
		}
		time.Sleep(3 * frameTimeout)
		synctest.Wait()
		if len(reset) != 1 || a.bytes != 0 {
			t.Errorf("the stream to the stalled peer is open, and %d bytes wait", a.bytes)
		}
	})
}

// A peer that reads slowly but steadily gets everything, however long it takes.
func TestASlowPeerIsNotTakenForDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh()
		got := make(chan int, 1)
		m.at(peer(2)).Handle(Protocol, p2p.Limits{}, func(_ context.Context, _ wire.PeerID, s *p2p.Stream) {
			total, buffer := 0, make([]byte, 32<<10)
			for {
				n, err := io.ReadFull(s, buffer)
				if total += n; err != nil {
					got <- total
					return
				}
				time.Sleep(frameTimeout / 8)
			}
		})
		a, _ := links(t, m, 1)
		big := make([]byte, 64<<10)
		const count = 64 // 4 MiB at 25 KiB a second
		for range count {
			a.Send(peer(2), big)
		}
		time.Sleep(time.Hour)
		if want := count * (len(big) + frame.HeaderBytes); len(got) != 1 || <-got != want {
			t.Errorf("not all %d bytes arrived", want)
		}
	})
}

func TestReadersOfMessagesGiveUp(t *testing.T) {
	for name, c := range map[string]struct {
		sent  []byte
		after time.Duration
	}{
		"oversized":       {[]byte{0, 8, 0, 1}, 0},
		"nothing at all":  {nil, readTimeout},
		"half a header":   {[]byte{0, 0}, readTimeout},
		"half a message":  {[]byte{0, 0, 0, 9, 1}, frameTimeout},
		"whole, then not": {[]byte{0, 0, 0, 1, 7, 0, 0, 0, 9, 1}, frameTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMesh()
				links(t, m, 2)
				s, err := m.at(peer(1)).Open(t.Context(), peer(2), Protocol)
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				s.Write(c.sent)
				s.SetDeadline(began.Add(time.Hour))
				if _, err := s.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("the stream is open after an hour: %v", err)
				}
				if took := time.Since(began); took != c.after {
					t.Errorf("it took %v, want %v", took, c.after)
				}
			})
		})
	}
}

func TestClosedLinksSendNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh()
		m.gate = make(chan struct{})
		a, _ := links(t, m, 1)
		_, b := links(t, m, 2)
		a.Send(peer(2), number(1))
		a.Close()
		close(m.gate)
		a.Send(peer(2), number(2))
		synctest.Wait()
		if b.len() != 0 || len(a.lines) != 0 || a.bytes != 0 {
			t.Errorf("%d messages arrived, %d lines and %d bytes are left", b.len(), len(a.lines), a.bytes)
		}
	})
}
