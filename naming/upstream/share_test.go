package upstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming/chain"
	"github.com/atollnet/atoll/naming/chain/chaintest"
	"github.com/atollnet/atoll/naming/resolver"
)

// direct asks a world without a network.
type direct struct {
	*chaintest.World
	wait time.Duration // before each answer
	dead bool
}

func (d *direct) Exchange(ctx context.Context, name string, qtype uint16) resolver.Answer {
	select {
	case <-time.After(d.wait):
	case <-ctx.Done():
	}
	if d.dead || ctx.Err() != nil {
		return resolver.Answer{Rcode: dns.RcodeServerFailure}
	}
	return (&Forwarder{now: time.Now}).answer(d.Answer(new(dns.Msg).SetQuestion(name, qtype)))
}

// board is where the peers of a test share.
type board struct {
	mu      sync.Mutex
	records map[wire.RecordID][]byte
	looked  int
	wait    time.Duration
	anchors []*dns.DS // by which it judges; nil: it takes anything
}

func newBoard(anchors []*dns.DS) *board {
	return &board{records: map[wire.RecordID][]byte{}, anchors: anchors}
}

func (b *board) Look(ctx context.Context, id wire.RecordID) ([]byte, error) {
	b.mu.Lock()
	b.looked++
	value, ok := b.records[id]
	b.mu.Unlock()
	select {
	case <-time.After(b.wait):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if !ok {
		return nil, errors.New("not there")
	}
	return value, nil
}

func (b *board) Put(_ context.Context, id wire.RecordID, value []byte) error {
	if b.anchors != nil {
		if err := chain.Check(id, value, b.anchors, time.Now()); err != nil {
			return err
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.records[id] = value
	return nil
}

func (b *board) holds() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.records)
}

func answerText(a resolver.Answer) string {
	text := dns.RcodeToString[a.Rcode]
	if a.Secure {
		text += " secure"
	}
	for _, rr := range a.Answer {
		if rr.Header().Rrtype != dns.TypeRRSIG {
			text += " " + strings.Join(strings.Fields(rr.String())[3:], " ")
		}
	}
	return text
}

// shareWith returns a sharer that ends with the test's bubble.
func shareWith(t *testing.T, w Asker, b Shared, p Policy, anchors []*dns.DS) *Sharer {
	s := Share(w, b, p, anchors, time.Now)
	t.Cleanup(s.Close)
	return s
}

func TestWhatOnePeerHasProvedAnotherIsGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := chaintest.New(t, time.Now)
		b := newBoard(w.Anchors())
		one := shareWith(t, &direct{World: w}, b, ShareAll, w.Anchors())
		for _, zone := range []string{"signed.example.", "hashed.example."} {
			for name, want := range map[string]string{
				"www.": "NOERROR secure A 192.0.2.1", "alias.": "NOERROR secure CNAME www." + zone,
				"x.wild.": "NOERROR secure A 192.0.2.2", "nobody.": "NXDOMAIN secure", "empty.": "NOERROR secure", "": "NOERROR secure",
			} {
				if got := answerText(one.Exchange(t.Context(), name+zone, dns.TypeA)); got != want {
					t.Errorf("%s%s: %s, want %s", name, zone, got, want)
				}
				synctest.Wait()
				cut := shareWith(t, &direct{World: w, dead: true}, b, ShareAll, w.Anchors())
				if got := answerText(cut.Exchange(t.Context(), name+zone, dns.TypeA)); got != want {
					t.Errorf("%s%s by another: %s, want %s", name, zone, got, want)
				}
			}
		}
		before := b.holds()
		if got := answerText(one.Exchange(t.Context(), "www.plain.example.", dns.TypeA)); got != "NOERROR A 192.0.2.1" {
			t.Errorf("unsigned: %s", got)
		}
		synctest.Wait()
		if b.holds() != before {
			t.Error("an unsigned answer is shared")
		}
		if n := w.Asked("example.", dns.TypeDNSKEY); n != 1 {
			t.Errorf("the keys of example. were asked for %d times", n)
		}
	})
}

func TestAPoisonedAnswerIsNotGiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, evil := chaintest.New(t, time.Now), chaintest.New(t, time.Now)
		evil.Replace(t, "www.signed.example. 3600 IN A 192.0.2.66")
		evil.Replace(t, "www.plain.example. 3600 IN A 192.0.2.66")
		b := newBoard(nil) // takes anything
		forger := shareWith(t, &direct{World: evil}, b, ShareAll, evil.Anchors())
		if got := answerText(forger.Exchange(t.Context(), "www.signed.example.", dns.TypeA)); got != "NOERROR secure A 192.0.2.66" {
			t.Fatalf("the forger has %s", got)
		}
		synctest.Wait()
		if b.holds() != 1 {
			t.Fatal("nothing was forged")
		}
		for what, c := range map[string]struct {
			from Asker
			want string
		}{
			"a true resolver":           {&direct{World: w, wait: 200 * time.Millisecond}, "NOERROR secure A 192.0.2.1"},
			"a dead resolver":           {&direct{World: w, dead: true}, "SERVFAIL"},
			"a resolver without DNSSEC": {bare{&direct{World: w}}, "NOERROR A 192.0.2.1"},
		} {
			s := shareWith(t, c.from, b, SharePopular, w.Anchors()) // the forged one stays
			if got := answerText(s.Exchange(t.Context(), "www.signed.example.", dns.TypeA)); got != c.want {
				t.Errorf("%s: %s, want %s", what, got, c.want)
			}
		}
	})
}

// A resolver that lies is not believed while peers have what is proved, and an
// answer without a proof does not wait for them for long.
func TestAProofCountsForMoreThanAResolver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, evil := chaintest.New(t, time.Now), chaintest.New(t, time.Now)
		evil.Replace(t, "www.signed.example. 3600 IN A 192.0.2.66")
		b := newBoard(w.Anchors())
		one := shareWith(t, &direct{World: w}, b, ShareAll, w.Anchors())
		one.Exchange(t.Context(), "www.signed.example.", dns.TypeA)
		synctest.Wait()
		for _, c := range []struct {
			wait time.Duration
			want string
		}{{graceMax / 2, "NOERROR secure A 192.0.2.1"}, {graceMax * 2, "NOERROR A 192.0.2.66"}} {
			b.wait = c.wait
			deceived := shareWith(t, &direct{World: evil}, b, ShareAll, w.Anchors())
			began := time.Now()
			if got := answerText(deceived.Exchange(t.Context(), "www.signed.example.", dns.TypeA)); got != c.want || time.Since(began) > graceMax {
				t.Errorf("with peers that take %v: %s after %v", c.wait, got, time.Since(began))
			}
		}
	})
}

// bare leaves signatures out.
type bare struct{ Asker }

func (b bare) Exchange(ctx context.Context, name string, qtype uint16) resolver.Answer {
	a := b.Asker.Exchange(ctx, name, qtype)
	a.Answer = withoutSignatures(a.Answer)
	return a
}

func withoutSignatures(rrs []dns.RR) (out []dns.RR) {
	for _, rr := range rrs {
		if rr.Header().Rrtype != dns.TypeRRSIG {
			out = append(out, rr)
		}
	}
	return out
}

func TestPolicies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := chaintest.New(t, time.Now)
		b := newBoard(w.Anchors())
		popular := shareWith(t, &direct{World: w}, b, SharePopular, w.Anchors())
		popular.Exchange(t.Context(), "www.signed.example.", dns.TypeA)
		synctest.Wait()
		if b.holds() != 0 {
			t.Error("what was fetched once is shared")
		}
		popular.Exchange(t.Context(), "www.signed.example.", dns.TypeA)
		synctest.Wait()
		if b.holds() != 1 {
			t.Error("what was fetched twice is not shared")
		}
		// What ends in seconds is not shared.
		w.Add(t, "brief.signed.example. 29 IN A 192.0.2.1")
		popular.Exchange(t.Context(), "brief.signed.example.", dns.TypeA)
		popular.Exchange(t.Context(), "brief.signed.example.", dns.TypeA)
		synctest.Wait()
		if b.holds() != 1 {
			t.Error("an answer for seconds is shared")
		}
	})
	for _, text := range []string{"", "off", "popular", "all"} {
		if _, err := ParsePolicy(text); err != nil {
			t.Error(err)
		}
	}
	if _, err := ParsePolicy("some"); err == nil {
		t.Error("any policy is taken")
	}
}

// What other peers hold is given for no longer than it was fetched for, and what
// is about to end is fetched again.
func TestSharedAnswersEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := chaintest.New(t, time.Now)
		b := newBoard(w.Anchors())
		one := shareWith(t, &direct{World: w}, b, ShareAll, w.Anchors())
		fetched := time.Now()
		one.Exchange(t.Context(), "www.signed.example.", dns.TypeA)
		synctest.Wait()
		time.Sleep(30 * time.Minute)
		other := shareWith(t, &direct{World: w, dead: true}, b, ShareAll, w.Anchors())
		if a := other.Exchange(t.Context(), "www.signed.example.", dns.TypeA); !a.Secure || a.Until.Sub(fetched) > time.Hour {
			t.Errorf("after half its time: %s until %v", answerText(a), a.Until.Sub(fetched))
		}
		time.Sleep(20 * time.Minute)
		if got := answerText(other.Exchange(t.Context(), "www.signed.example.", dns.TypeA)); got != "SERVFAIL" {
			t.Errorf("about to end: %s", got)
		}
	})
}

// Peers are asked, and given answers, no more often than the rates say.
func TestRatesOfSharing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := chaintest.New(t, time.Now)
		b := newBoard(w.Anchors())
		s := shareWith(t, &direct{World: w}, b, ShareAll, w.Anchors())
		for i := range looksBurst + 20 {
			s.Exchange(t.Context(), fmt.Sprintf("n%d.wild.signed.example.", i), dns.TypeA)
			synctest.Wait()
		}
		if b.looked != looksBurst {
			t.Errorf("%d lookups at once, limit %d", b.looked, looksBurst)
		}
		if n := b.holds(); n != sharesBurst {
			t.Errorf("%d answers shared at once, limit %d", n, sharesBurst)
		}
		time.Sleep(time.Minute)
		for i := range looksBurst {
			s.Exchange(t.Context(), fmt.Sprintf("m%d.wild.signed.example.", i), dns.TypeA)
			synctest.Wait()
		}
		if n := b.holds(); n < 2*sharesBurst || n > sharesBurst+sharesPerMinute {
			t.Errorf("%d answers shared in a minute", n)
		}
	})
}
