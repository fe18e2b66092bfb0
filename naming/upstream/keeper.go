package upstream

import (
	"context"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/miekg/dns"
	"golang.org/x/sync/singleflight"

	"github.com/atollnet/atoll/internal/tasks"
	"github.com/atollnet/atoll/naming/resolver"
)

const (
	// keptMax bounds the answers that are kept.
	keptMax = 1 << 14
	// staleMax is for how long after its end an answer is still given while no
	// resolver answers (RFC 8767 section 5), staleFor for how long each time, and
	// staleAfter how long a question waits for a newer one.
	staleMax   = 24 * time.Hour
	staleFor   = 30 * time.Second
	staleAfter = 1800 * time.Millisecond
	// refreshesMax bounds the answers that are fetched again in the background at
	// one time, and exchangeMax how long one fetch takes at most.
	refreshesMax = 32
	exchangeMax  = 8 * time.Second
)

// Asker gets an answer from somewhere.
type Asker interface {
	Exchange(ctx context.Context, name string, qtype uint16) resolver.Answer
}

// Keeper keeps the answers of an Asker for as long as they say, fetches those that
// are asked for again before they end, remembers failures, and gives an answer that
// has ended while no newer one can be had. One question that many ask at the same
// time is asked once. It is safe for concurrent use.
type Keeper struct {
	from   Asker
	now    func() time.Time
	kept   *lru.Cache[question, resolver.Answer]
	flight singleflight.Group
	busy   chan struct{}
	tasks  *tasks.Group
}

type question struct {
	name  string
	qtype uint16
}

// Keep returns a keeper of an Asker's answers. Close ends it.
func Keep(from Asker, now func() time.Time) *Keeper {
	kept, err := lru.New[question, resolver.Answer](keptMax)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return &Keeper{from: from, now: now, kept: kept, busy: make(chan struct{}, refreshesMax), tasks: tasks.New()}
}

// Close ends what runs in the background, and waits for it.
func (k *Keeper) Close() { k.tasks.Close() }

// Exchange implements resolver.Upstream.
func (k *Keeper) Exchange(ctx context.Context, name string, qtype uint16) resolver.Answer {
	q := question{dns.CanonicalName(name), qtype}
	old, ok := k.kept.Get(q)
	now := k.now()
	if ok && now.Before(old.Until) {
		if !now.Before(old.Refresh) {
			k.again(q)
		}
		return k.aged(old, now)
	}
	usable := ok && worthKeeping(old) && now.Before(old.Until.Add(staleMax))
	if usable {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, staleAfter)
		defer cancel()
	}
	a := k.wait(ctx, q)
	if usable && !worthKeeping(a) {
		return stale(old, now)
	}
	return k.aged(a, k.now())
}

// worthKeeping reports whether an answer may be given when it is old: a failure may
// not, nor what its zone did not sign.
func worthKeeping(a resolver.Answer) bool { return a.Rcode != dns.RcodeServerFailure && !a.Bogus }

func stale(a resolver.Answer, now time.Time) resolver.Answer {
	a.Stale, a.Aging, a.Secure = true, false, false // its signatures may have ended too
	a.Refresh, a.Until = now.Add(staleFor), now.Add(staleFor)
	a.Extra = &resolver.Extra{Code: dns.ExtendedErrorCodeStaleAnswer, Text: "no upstream resolver answers"}
	return a
}

// aged returns an answer whose times to live have run since it was fetched.
func (k *Keeper) aged(a resolver.Answer, now time.Time) resolver.Answer {
	left := uint32(max(0, a.Until.Sub(now)) / time.Second)
	age := func(rrs []dns.RR) []dns.RR {
		out := make([]dns.RR, 0, len(rrs))
		for _, rr := range rrs {
			if rr.Header().Rrtype != dns.TypeOPT {
				rr = dns.Copy(rr)
				rr.Header().Ttl = min(rr.Header().Ttl, left)
			}
			out = append(out, rr)
		}
		return out
	}
	a.Answer, a.Authority = age(a.Answer), age(a.Authority)
	return a
}

// wait asks, together with all who ask the same.
func (k *Keeper) wait(ctx context.Context, q question) resolver.Answer {
	done := k.flight.DoChan(q.name+"/"+dns.Type(q.qtype).String(), func() (any, error) { return k.fetch(q), nil })
	select {
	case r := <-done:
		return r.Val.(resolver.Answer)
	case <-ctx.Done():
		until := k.now()
		return resolver.Answer{Rcode: dns.RcodeServerFailure, Refresh: until, Until: until,
			Extra: &resolver.Extra{Code: dns.ExtendedErrorCodeNoReachableAuthority, Text: "no upstream resolver answers in time"}}
	}
}

// fetch asks, and keeps what came of it. A failure does not take the place of an
// answer.
func (k *Keeper) fetch(q question) resolver.Answer {
	if !k.tasks.Begin() {
		return resolver.Answer{Rcode: dns.RcodeServerFailure}
	}
	defer k.tasks.Done()
	if a, ok := k.kept.Peek(q); ok && k.now().Before(a.Refresh) {
		return a // it has come since the question looked for it
	}
	ctx, cancel := context.WithTimeout(k.tasks.Context(), exchangeMax)
	defer cancel()
	a := k.from.Exchange(ctx, q.name, q.qtype)
	if old, ok := k.kept.Peek(q); ok && !worthKeeping(a) && worthKeeping(old) && k.now().Before(old.Until.Add(staleMax)) {
		return a
	}
	k.kept.Add(q, a)
	return a
}

// again fetches an answer in the background, unless enough are.
func (k *Keeper) again(q question) {
	select {
	case k.busy <- struct{}{}:
	default:
		return
	}
	if !k.tasks.Go(func(ctx context.Context) {
		defer func() { <-k.busy }()
		k.wait(ctx, q)
	}) {
		<-k.busy
	}
}
