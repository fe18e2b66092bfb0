package upstream

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/naming/resolver"
)

// source answers as it is told, and counts.
type source struct {
	mu     sync.Mutex
	now    time.Time
	asked  int
	dead   bool
	last   byte // of the address
	during func()
}

func (s *source) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *source) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

func (s *source) set(dead bool, last byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dead, s.last = dead, last
}

func (s *source) questions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *source) Exchange(_ context.Context, name string, qtype uint16) resolver.Answer {
	if s.during != nil {
		s.during()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.dead {
		return resolver.Answer{Rcode: dns.RcodeServerFailure, Refresh: s.now.Add(failureTTL), Until: s.now.Add(failureTTL)}
	}
	h := dns.RR_Header{Name: name, Rrtype: qtype, Class: dns.ClassINET, Ttl: 100}
	return resolver.Answer{Answer: []dns.RR{&dns.A{Hdr: h, A: []byte{192, 0, 2, s.last}}}, Aging: true,
		Refresh: s.now.Add(90 * time.Second), Until: s.now.Add(100 * time.Second)}
}

func keep(t *testing.T) (*Keeper, *source) {
	s := &source{now: time.Unix(1_800_000_000, 0), last: 1}
	k := Keep(s, s.clock)
	t.Cleanup(k.Close)
	return k, s
}

// text writes an answer in one line.
func text(a resolver.Answer) string {
	out := dns.RcodeToString[a.Rcode]
	for _, rr := range a.Answer {
		out += fmt.Sprintf(" %d %s", rr.Header().Ttl, rr.(*dns.A).A)
	}
	if a.Stale {
		out += " stale"
	}
	return out
}

func TestAnswersAreKept(t *testing.T) {
	k, s := keep(t)
	ask := func(what, want string) {
		t.Helper()
		if got := text(k.Exchange(t.Context(), "www.Example.", dns.TypeA)); got != want {
			t.Errorf("%s: %s", what, got)
		}
	}
	ask("the first", "NOERROR 100 192.0.2.1")
	s.pass(40 * time.Second)
	ask("later", "NOERROR 60 192.0.2.1")
	if n := s.questions(); n != 1 {
		t.Errorf("%d questions", n)
	}
	s.pass(61 * time.Second)
	s.set(true, 2)
	ask("the upstream is dead", "NOERROR 100 192.0.2.1 stale")
	s.set(false, 2)
	ask("it is back", "NOERROR 100 192.0.2.2")
	s.set(true, 2)
	s.pass(100*time.Second + staleMax)
	ask("dead for longer than an answer is kept", "SERVFAIL")
	n := s.questions()
	ask("a failure is remembered", "SERVFAIL")
	if s.questions() != n {
		t.Error("it was asked again at once")
	}
	s.set(false, 3)
	s.pass(failureTTL)
	ask("back again", "NOERROR 100 192.0.2.3")
}

// An answer that is asked for near its end is fetched again before anybody waits.
func TestAnswersAreFetchedAgainInTheBackground(t *testing.T) {
	k, s := keep(t)
	k.Exchange(t.Context(), "www.example.", dns.TypeA)
	s.set(false, 2)
	s.pass(95 * time.Second)
	if got := text(k.Exchange(t.Context(), "www.example.", dns.TypeA)); got != "NOERROR 5 192.0.2.1" {
		t.Errorf("near its end: %s", got)
	}
	k.tasks.Wait()
	if got := text(k.Exchange(t.Context(), "www.example.", dns.TypeA)); got != "NOERROR 100 192.0.2.2" {
		t.Errorf("then: %s", got)
	}
	if n := s.questions(); n != 2 {
		t.Errorf("%d questions", n)
	}
}

// A storm of questions for one name is one question.
func TestStormsAreOneQuestion(t *testing.T) {
	k, s := keep(t)
	release := make(chan struct{})
	s.during = func() { <-release }
	var all sync.WaitGroup
	for range 1000 {
		all.Go(func() {
			if got := text(k.Exchange(t.Context(), "www.example.", dns.TypeA)); !strings.HasSuffix(got, "192.0.2.1") {
				t.Error(got)
			}
		})
	}
	close(release)
	all.Wait()
	if n := s.questions(); n != 1 {
		t.Errorf("%d questions", n)
	}
}

// An upstream that hangs holds nobody up who can be given an old answer, and
// nobody else longer than he waits.
func TestAHangingUpstream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{now: time.Now(), last: 1}
		k := Keep(s, s.clock)
		k.Exchange(t.Context(), "www.example.", dns.TypeA)
		release := make(chan struct{})
		s.during = func() { <-release }
		s.pass(101 * time.Second)
		began := time.Now()
		if got := text(k.Exchange(t.Context(), "www.example.", dns.TypeA)); got != "NOERROR 100 192.0.2.1 stale" {
			t.Errorf("with an old answer: %s", got)
		}
		if took := time.Since(began); took != staleAfter {
			t.Errorf("it took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got := text(k.Exchange(ctx, "other.example.", dns.TypeA)); got != "SERVFAIL" || time.Since(began) != staleAfter+time.Second {
			t.Errorf("without one: %s after %v", got, time.Since(began))
		}
		close(release)
		k.Close()
		if got := text(k.Exchange(t.Context(), "third.example.", dns.TypeA)); got != "SERVFAIL" {
			t.Errorf("when it is closed: %s", got)
		}
	})
}

func TestWhatIsKeptStaysBounded(t *testing.T) {
	k, s := keep(t)
	for i := range keptMax + 100 {
		k.Exchange(t.Context(), fmt.Sprintf("h%d.example.", i), dns.TypeA)
	}
	if n := k.kept.Len(); n != keptMax {
		t.Errorf("%d answers are kept, at most %d may be", n, keptMax)
	}
	if s.questions() != keptMax+100 {
		t.Errorf("%d questions", s.questions())
	}
}
