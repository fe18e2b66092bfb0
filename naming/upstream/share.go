package upstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/miekg/dns"
	"golang.org/x/time/rate"

	"github.com/atollnet/atoll/internal/tasks"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming/chain"
	"github.com/atollnet/atoll/naming/resolver"
)

// Policy says which answers a peer shares with others.
type Policy string

// The policies. Whoever shares nothing looks for nothing that others share either:
// that tells them what is asked for.
const (
	ShareOff     Policy = "off"
	SharePopular Policy = "popular" // what was fetched a second time
	ShareAll     Policy = "all"
)

// ParsePolicy reads a policy; an empty text stands for SharePopular.
func ParsePolicy(text string) (Policy, error) {
	switch p := Policy(text); p {
	case "":
		return SharePopular, nil
	case ShareOff, SharePopular, ShareAll:
		return p, nil
	}
	return "", fmt.Errorf("%.40q is none of off, popular, all", text)
}

const (
	// proveMax is how long an answer waits for its proof, lookMax how long one is
	// looked for among other peers, and graceMax for how much of that an answer
	// without a proof waits.
	proveMax = 1500 * time.Millisecond
	lookMax  = 300 * time.Millisecond
	graceMax = 50 * time.Millisecond
	// leftMin is the part of its time to live that another peer's answer must have
	// left, of 4: what ends soon is fetched, and shared, anew.
	leftMin = 1
	// looksPerSecond and looksBurst bound how often others are asked.
	looksPerSecond = 20
	looksBurst     = 100
	// sharesPerMinute and sharesBurst bound the answers that are put: at 3 KB to
	// twenty peers each, some 30 KB/s. putsAtOnce bounds how many at a time, and
	// putMax how long one takes at most.
	sharesPerMinute = 30
	sharesBurst     = 20
	putsAtOnce      = 2
	putMax          = 10 * time.Second
	// bogusTTL is for how long an answer with wrong signatures is remembered.
	bogusTTL = 10 * time.Second
	// countedMax bounds the questions that are remembered as fetched once.
	countedMax = 1 << 14
)

// Shared is where peers share answers: the DHT.
type Shared interface {
	// Look returns a record, which the sharer checks. Errors: any.
	Look(ctx context.Context, id wire.RecordID) ([]byte, error)
	// Put gives a record to the peers that are to hold it.
	Put(ctx context.Context, id wire.RecordID, value []byte) error
}

// Sharer asks resolvers, and beside them other peers, whose answers count only
// with a proof. What it has proved itself it shares. It is safe for concurrent use.
type Sharer struct {
	from    Asker
	keys    *Keeper // of the same, for what proves answers
	shared  Shared
	policy  Policy
	prover  *prover
	now     func() time.Time
	fetched *lru.Cache[question, bool]
	looks   *rate.Limiter
	shares  *rate.Limiter
	puts    chan struct{}
	tasks   *tasks.Group
}

// Share returns a sharer of an Asker's answers; the policy is not ShareOff. Close
// ends it.
func Share(from Asker, shared Shared, policy Policy, anchors []*dns.DS, now func() time.Time) *Sharer {
	fetched, err := lru.New[question, bool](countedMax)
	if err != nil {
		panic(err) // only a size below one fails
	}
	keys := Keep(from, now)
	return &Sharer{
		from: from, keys: keys, shared: shared, policy: policy, prover: newProver(keys, anchors, now), now: now, fetched: fetched,
		looks: rate.NewLimiter(looksPerSecond, looksBurst), shares: rate.NewLimiter(rate.Every(time.Minute/sharesPerMinute), sharesBurst),
		puts: make(chan struct{}, putsAtOnce), tasks: tasks.New(),
	}
}

// Close ends what runs in the background, and waits for it.
func (s *Sharer) Close() {
	s.keys.Close()
	s.tasks.Close()
}

// Exchange implements Asker: of the resolvers' answer and the peers' one it gives
// the first that is proved, and the resolvers' one where none is.
func (s *Sharer) Exchange(ctx context.Context, name string, qtype uint16) resolver.Answer {
	name = dns.CanonicalName(name)
	if !chain.Fits(qtype) {
		return s.from.Exchange(ctx, name, qtype)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	theirs, own := s.ask(ctx, name, qtype)
	var unproved *resolver.Answer
	var grace <-chan time.Time
	for {
		select {
		case a := <-theirs:
			if a.Secure {
				return a
			}
			if unproved != nil {
				return *unproved
			}
			theirs = nil
		case a := <-own:
			if a.Secure || theirs == nil {
				return a
			}
			unproved, own = &a, nil
			if !worthKeeping(a) {
				continue // any answer is better
			}
			timer := time.NewTimer(graceMax)
			defer timer.Stop()
			grace = timer.C
		case <-grace:
			return *unproved
		}
	}
}

// ask asks peers and resolvers beside each other. Both channels get one answer
// each; that of the peers is not secure if they have none.
func (s *Sharer) ask(ctx context.Context, name string, qtype uint16) (theirs, own chan resolver.Answer) {
	theirs, own = make(chan resolver.Answer, 1), make(chan resolver.Answer, 1)
	if !s.looks.AllowN(s.now(), 1) || !s.tasks.Go(func(context.Context) { theirs <- s.look(ctx, name, qtype) }) {
		theirs <- resolver.Answer{}
	}
	if !s.tasks.Go(func(context.Context) { own <- s.fetch(ctx, name, qtype) }) {
		own <- resolver.Answer{Rcode: dns.RcodeServerFailure}
	}
	return theirs, own
}

// look returns the answer that other peers have, if it is proved and not about to
// end.
func (s *Sharer) look(ctx context.Context, name string, qtype uint16) resolver.Answer {
	ctx, cancel := context.WithTimeout(ctx, lookMax)
	defer cancel()
	id, err := chain.ID(name, qtype)
	if err != nil {
		return resolver.Answer{}
	}
	value, err := s.shared.Look(ctx, id)
	if err != nil {
		return resolver.Answer{}
	}
	c, err := chain.Parse(value)
	if err != nil || c.Name != name || c.Type != qtype {
		return resolver.Answer{}
	}
	now := s.now()
	r, err := c.Verify(s.prover.anchors, now)
	if err != nil || r.Until.Sub(now) < time.Duration(min(r.TTL, ttlMax))*time.Second*leftMin/4 {
		return resolver.Answer{}
	}
	return answerOf(r, now)
}

// fetch asks the resolvers, and for what proves their answer.
func (s *Sharer) fetch(ctx context.Context, name string, qtype uint16) resolver.Answer {
	a := s.from.Exchange(ctx, name, qtype)
	if a.Rcode != dns.RcodeSuccess && a.Rcode != dns.RcodeNameError {
		return a
	}
	ctx, cancel := context.WithTimeout(ctx, proveMax)
	defer cancel()
	c, r, err := s.prover.prove(ctx, name, qtype, a)
	if errors.Is(err, errForged) {
		return forged(a, err, s.now())
	}
	if err != nil {
		return a
	}
	s.share(c)
	return answerOf(r, s.now())
}

// forged marks an answer that its zone did not give. It is asked again soon: the
// zone may have made a mistake, or somebody on the way.
func forged(a resolver.Answer, why error, now time.Time) resolver.Answer {
	a.Bogus, a.Secure = true, false
	a.Extra = &resolver.Extra{Code: dns.ExtendedErrorCodeDNSBogus, Text: why.Error()}
	a.Refresh, a.Until = now.Add(bogusTTL), now.Add(bogusTTL)
	return a
}

// answerOf makes a proved answer the resolver's.
func answerOf(r chain.Result, now time.Time) resolver.Answer {
	return resolver.Answer{
		Rcode: r.Rcode, Answer: r.Answer, Authority: r.Authority, Secure: true, Aging: true,
		Refresh: now.Add(r.Until.Sub(now) * 9 / 10), Until: r.Until,
	}
}

// share puts an answer where others find it, in the background, if the policy and
// the rates let it and it is long-lived enough for that.
func (s *Sharer) share(c *chain.Chain) {
	now := s.now()
	again, _ := s.fetched.ContainsOrAdd(question{c.Name, c.Type}, true)
	if s.policy != ShareAll && !again || int64(c.Until)-now.Unix() < chain.TTLMin {
		return
	}
	value, err := c.Encode()
	if err != nil {
		return // it is too large, or of a form that is not shared
	}
	id, err := chain.ID(c.Name, c.Type)
	if err != nil {
		return
	}
	select {
	case s.puts <- struct{}{}:
	default:
		return // when it is fetched again it is shared
	}
	if !s.shares.AllowN(now, 1) || !s.tasks.Go(func(ctx context.Context) {
		defer func() { <-s.puts }()
		ctx, cancel := context.WithTimeout(ctx, putMax)
		defer cancel()
		_ = s.shared.Put(ctx, id, value) // others fetch it themselves
	}) {
		<-s.puts
	}
}
