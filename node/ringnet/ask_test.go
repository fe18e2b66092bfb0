package ringnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

// Kinds of the tests, with a Record for question and answer.
const (
	kindEcho Kind = 100 + iota
	kindFail
	kindWait
	kindCount
	kindNone
)

// serving starts a server with the handlers of the tests. Each context that
// ends while kindWait waits is told to ended.
func serving(m *mesh, n byte, ended chan<- error) *Server {
	s := NewServer(m.at(peer(n)), silent)
	Handle(s, kindEcho, func(_ context.Context, _ wire.PeerID, q Record) (Record, error) { return q, nil })
	Handle(s, kindFail, func(_ context.Context, _ wire.PeerID, q Record) (Record, error) {
		return Record{}, errs.Hint(errs.Newf("answer", "x", errs.Full, "no room"), "make room")
	})
	Handle(s, kindWait, func(ctx context.Context, _ wire.PeerID, _ Record) (Record, error) {
		<-ctx.Done()
		ended <- ctx.Err()
		return Record{}, ctx.Err()
	})
	Stream(s, kindCount, func(_ context.Context, _ wire.PeerID, q Record, more func(Record) error) (Record, error) {
		for i := range q.Bytes[0] {
			if err := more(Record{Bytes: []byte{i}}); err != nil {
				return Record{}, err
			}
		}
		return Record{Bytes: []byte{255}}, nil
	})
	s.Listen()
	return s
}

// asker returns a client that is closed when its test ends.
func asker(t *testing.T, m *mesh, n byte) *Client {
	c := NewClient(m.at(peer(n)))
	t.Cleanup(c.Close)
	return c
}

func echo(ctx context.Context, c *Client, to byte, text string) (string, error) {
	r, err := Ask[Record](ctx, c, peer(to), kindEcho, Record{Bytes: []byte(text)})
	return string(r.Bytes), err
}

func TestQuestionsShareAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh()
		serving(m, 2, nil)
		c := asker(t, m, 1)
		for i := range 10 {
			want := fmt.Sprint("question ", i)
			if got, err := echo(t.Context(), c, 2, want); err != nil || got != want {
				t.Fatalf("%q, %v", got, err)
			}
		}
		_, err := Ask[Record](t.Context(), c, peer(2), kindFail, Record{})
		if errs.KindOf(err) != errs.Full || errs.HintOf(err) != "make room" || !strings.Contains(err.Error(), peer(2).String()) {
			t.Errorf("a failure is told as %v, %q", err, errs.HintOf(err))
		}
		_, err = Ask[Record](t.Context(), c, peer(2), kindNone, Record{})
		if errs.KindOf(err) != errs.Usage {
			t.Errorf("an unknown kind: %v", err)
		}
		_, err = Ask[Record](t.Context(), c, peer(2), kindEcho, Nodes{})
		if errs.KindOf(err) != errs.Usage {
			t.Errorf("a question that is another's: %v", err)
		}
		if m.dials(peer(2)) != 1 {
			t.Errorf("%d streams for all questions, want one", m.dials(peer(2)))
		}
	})
}

func TestAStreamThatDiedWhileItWasKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh()
		streams := make(chan *p2p.Stream, 10)
		s := serving(m, 2, nil)
		m.at(peer(2)).Handle(AskProtocol, p2p.Limits{}, func(ctx context.Context, from wire.PeerID, stream *p2p.Stream) {
			streams <- stream
			s.serve(ctx, from, stream)
		})
		c := asker(t, m, 1)
		echo(t.Context(), c, 2, "first")
		(<-streams).Reset() // the peer has been restarted, say
		if got, err := echo(t.Context(), c, 2, "again"); err != nil || got != "again" {
			t.Errorf("%q, %v", got, err)
		}
		m.remove(peer(2))
		(<-streams).Reset()
		if _, err := echo(t.Context(), c, 2, "once more"); !errors.Is(err, errDown) {
			t.Errorf("a peer that is gone: %v", err)
		}
	})
}

func TestKeptStreamsAreFewAndEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh()
		for n := range 3 {
			serving(m, byte(2+n), nil)
		}
		c := NewClient(m.at(peer(1)))
		done := make(chan error)
		for range 2 * spareStreamsMax {
			go func() {
				_, err := echo(t.Context(), c, 2, "all at once")
				done <- err
			}()
		}
		for range 2 * spareStreamsMax {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		if n := len(c.spare[peer(2)]); n == 0 || n > spareStreamsMax {
			t.Errorf("%d streams are kept, limit %d", n, spareStreamsMax)
		}
		time.Sleep(spareTime + time.Second)
		synctest.Wait()
		if len(c.spare) != 0 {
			t.Error("streams are kept that nobody uses")
		}
		echo(t.Context(), c, 3, "kept when it closes")
		c.Close()
		if got, err := echo(t.Context(), c, 4, "closed"); err != nil || got != "closed" {
			t.Errorf("a closed client keeps nothing, and asks: %q, %v", got, err)
		}
		synctest.Wait() // the bubble ends: no stream is left at the other end
	})
}

func TestStreamsAreKeptToFewPeers(t *testing.T) {
	c := NewClient(newMesh().at(peer(1)))
	defer c.Close()
	for i := range sparePeersMax + 10 {
		s, _ := p2p.Pipe(peer(1), wire.PeerID{byte(i), byte(i >> 8), 1})
		c.keep(s)
	}
	if len(c.spare) != sparePeersMax {
		t.Errorf("streams to %d peers are kept, limit %d", len(c.spare), sparePeersMax)
	}
}

func TestWhoGivesUpEndsTheWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, ended := newMesh(), make(chan error, 1)
		serving(m, 2, ended)
		c := asker(t, m, 1)
		gaveUp := errors.New("the user gave up")
		ctx, cancel := context.WithCancelCause(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := Ask[Record](ctx, c, peer(2), kindWait, Record{})
			failed <- err
		}()
		synctest.Wait()
		if len(ended) != 0 || len(failed) != 0 {
			t.Fatal("it ended before")
		}
		cancel(gaveUp)
		if err := <-failed; !errors.Is(err, gaveUp) {
			t.Errorf("asking failed with %v", err)
		}
		<-ended
	})
}

func TestManyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh()
		serving(m, 2, nil)
		c := asker(t, m, 1)
		var got []byte
		each := func(r Record) error { got = append(got, r.Bytes...); return nil }
		if err := Listen(t.Context(), c, peer(2), kindCount, Record{Bytes: []byte{3}}, each); err != nil || string(got) != "\x00\x01\x02\xff" {
			t.Errorf("%x, %v", got, err)
		}
		enough := errors.New("enough")
		stop := func(Record) error { return enough }
		if err := Listen(t.Context(), c, peer(2), kindCount, Record{Bytes: []byte{200}}, stop); !errors.Is(err, enough) {
			t.Errorf("stopped by the listener: %v", err)
		}
		if _, err := Ask[Record](t.Context(), c, peer(2), kindCount, Record{Bytes: []byte{3}}); !errors.Is(err, ErrAnswer) {
			t.Errorf("many answers where one was wanted: %v", err)
		}
		if got, err := echo(t.Context(), c, 2, "next"); err != nil || got != "next" {
			t.Errorf("the next question gets %q, %v", got, err)
		}
	})
}

// liar serves questions with frames of its own.
func liar(m *mesh, n byte, frames ...[]byte) {
	m.at(peer(n)).Handle(AskProtocol, p2p.Limits{}, func(_ context.Context, _ wire.PeerID, s *p2p.Stream) {
		frame.Read(s, QuestionBytesMax)
		for _, f := range frames {
			s.Write(f)
		}
		s.CloseWrite()
		io.Copy(io.Discard, s)
	})
}

func framed(a answer) []byte {
	b := wire.Marshal(a)
	return append([]byte{0, 0, byte(len(b) >> 8), byte(len(b))}, b...)
}

func TestLyingAnswers(t *testing.T) {
	long := strings.Repeat("x", failureTextMax+1)
	for name, c := range map[string]struct {
		frame []byte
		want  error
	}{
		"another answer":   {framed(answer{Body: wire.Marshal(Done{})}), ErrAnswer},
		"no answer":        {nil, io.EOF},
		"half an answer":   {[]byte{0, 0, 0, 9, 1}, io.ErrUnexpectedEOF},
		"oversized":        {[]byte{0xff, 0, 0, 0}, frame.ErrTooLarge},
		"not CBOR":         {[]byte{0, 0, 0, 1, 0xff}, wire.ErrEncoding},
		"a long complaint": {framed(answer{Failure: &failure{Text: long}}), ErrAnswer},
		"a long hint":      {framed(answer{Failure: &failure{Hint: long}}), ErrAnswer},
	} {
		m := newMesh()
		liar(m, 2, c.frame)
		client := asker(t, m, 1)
		if _, err := echo(t.Context(), client, 2, "what?"); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

// What a peer says of its failure must not pass for what this peer knows of
// itself, nor do anything to a terminal.
func TestComplaintsOfPeersAreHarmless(t *testing.T) {
	for kind, want := range map[uint64]errs.Kind{
		uint64(errs.NotFound): errs.NotFound, uint64(errs.NoQuorum): errs.NoQuorum,
		uint64(errs.NoDaemon): errs.Other, uint64(errs.Interrupted): errs.Other, uint64(errs.Partial): errs.Other,
		99: errs.Other, 1 << 40: errs.Other,
	} {
		f := failure{Kind: kind, Text: "bad\x1b[2J\r\nroot# \xff", Hint: "run\x07 this"}
		err := f.err(peer(2))
		if errs.KindOf(err) != want {
			t.Errorf("kind %d is taken for %v", kind, errs.KindOf(err))
		}
		if text := err.Error() + errs.HintOf(err); strings.ContainsAny(text, "\x1b\r\n\x07") || !utf8.ValidString(text) {
			t.Errorf("it reads %q, %q", err, errs.HintOf(err))
		}
	}
	if f := newFailure(errors.New(strings.Repeat("é", failureTextMax))); len(f.Text) > failureTextMax || f.err(peer(2)) == nil {
		t.Errorf("a text of %d bytes", len(f.Text))
	}
}

func TestServersGiveUpOnAskers(t *testing.T) {
	question := framedQuestion(kindEcho, wire.Marshal(Record{Bytes: make([]byte, 60_000)}))
	for name, c := range map[string]struct {
		sent  []byte
		after time.Duration
	}{
		"oversized":            {[]byte{0, 4, 0, 0}, 0},
		"malformed":            {[]byte{0, 0, 0, 1, 0xff}, 0},
		"nothing at all":       {nil, questionTimeout},
		"half a question":      {[]byte{0, 0, 0, 9, 1}, questionTimeout},
		"who reads no answers": {[]byte(strings.Repeat(string(question), 20)), answerTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMesh()
				serving(m, 2, nil)
				s, err := m.at(peer(1)).Open(t.Context(), peer(2), AskProtocol)
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				go s.Write(c.sent)
				time.Sleep(c.after)
				synctest.Wait()
				s.SetDeadline(began.Add(time.Hour))
				if _, err := io.Copy(io.Discard, s); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("the stream is open: %v", err)
				}
				if took := time.Since(began); took != c.after {
					t.Errorf("it took %v, want %v", took, c.after)
				}
			})
		})
	}
}

func framedQuestion(k Kind, body []byte) []byte {
	b := wire.Marshal(question{Kind: k, Body: body})
	return append([]byte{0, byte(len(b) >> 16), byte(len(b) >> 8), byte(len(b))}, b...)
}

func TestQuestionsAreRated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh()
		serving(m, 2, nil)
		c, other := asker(t, m, 1), asker(t, m, 3)
		asked := 0
		for ; asked < 3*questionRate.Burst; asked++ {
			if _, err := echo(t.Context(), c, 2, "?"); err != nil {
				break
			}
		}
		if asked != questionRate.Burst { // time stands still
			t.Errorf("%d questions were answered, the limit is %d", asked, questionRate.Burst)
		}
		if _, err := echo(t.Context(), other, 2, "?"); err != nil {
			t.Errorf("another peer pays for it: %v", err)
		}
	})
}

func TestLargeAnswersWaitForTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBulk()
		var leaves []func()
		enter := func(ctx context.Context, p byte, k Kind) error {
			leave, err := b.enter(ctx, peer(p), k)
			if err == nil {
				leaves = append(leaves, leave)
			}
			return err
		}
		brief := func() context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			t.Cleanup(cancel)
			return ctx
		}
		for range BulkPerPeerMax {
			if err := enter(t.Context(), 1, KindNodes); err != nil {
				t.Fatal(err)
			}
		}
		if err := enter(brief(), 1, KindVersions); err == nil {
			t.Error("one more for the same peer")
		}
		if err := enter(brief(), 1, KindHead); err != nil {
			t.Errorf("a small answer waits: %v", err)
		}
		for p := range byte(BulkMax/BulkPerPeerMax - 1) {
			for range BulkPerPeerMax {
				if err := enter(brief(), 2+p, KindNodes); err != nil {
					t.Fatalf("another peer waits: %v", err)
				}
			}
		}
		if err := enter(brief(), 100, KindNodes); err == nil {
			t.Error("more than all may have")
		}
		leaves[0]()
		if err := enter(brief(), 100, KindNodes); err != nil {
			t.Errorf("after one has left: %v", err)
		}
		for _, leave := range leaves[1:] {
			leave()
		}
		if len(b.peers) != 0 || len(b.all) != 0 {
			t.Errorf("%d peers and %d answers are left", len(b.peers), len(b.all))
		}
	})
}
