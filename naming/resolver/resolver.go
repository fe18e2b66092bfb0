package resolver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/internal/tasks"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
	"github.com/atollnet/atoll/naming/record"
)

// Root is a zone that is trusted for a suffix because the configuration says so.
type Root struct {
	Suffix  string // canonical
	Digests []naming.Digest
}

// Upstream answers for names that are not Atoll's.
type Upstream interface {
	// Exchange returns an answer for the question. Failures are answers too.
	Exchange(ctx context.Context, name string, qtype uint16) Answer
}

// Config says what a resolver works with.
type Config struct {
	Records  Records
	Roots    func() []Root // may change
	Upstream Upstream      // nil: other names are refused
	// Key signs this peer's own zone atoll.alt, whose names are keys.
	Key wire.Key
	Now func() time.Time
}

// Resolver answers questions. Its methods are safe for concurrent use.
type Resolver struct {
	config  Config
	now     func() time.Time
	records *store
	alt     *altZone
	tasks   *tasks.Group
}

// New returns a resolver. Close ends it.
func New(c Config) *Resolver {
	r := &Resolver{config: c, now: c.Now, tasks: tasks.New()}
	r.records = newStore(c.Records, c.Now, r.tasks)
	r.alt = newAltZone(c.Key, c.Now)
	return r
}

// Close ends all lookups and waits for them.
func (r *Resolver) Close() { r.tasks.Close() }

// Changed says that this peer holds a newer record: what is remembered of it is
// looked up again.
func (r *Resolver) Changed(kind wire.RecordKind, id wire.RecordID) { r.records.changed(kind, id) }

// Resolve answers a question. The name is any text form; classes other than IN
// are the caller's to refuse. Failures are answers.
func (r *Resolver) Resolve(ctx context.Context, name string, qtype uint16) Answer {
	return r.resolve(ctx, name, qtype, question{})
}

// Refresh is Resolve for who keeps answers and wants a newer one: it waits for
// records that Resolve would have looked up in the background.
func (r *Resolver) Refresh(ctx context.Context, name string, qtype uint16) Answer {
	return r.resolve(ctx, name, qtype, question{fresh: true})
}

// question is how a question is to be answered.
type question struct {
	fresh bool
	trace *[]Step
}

// Trace is Resolve, and tells each step.
func (r *Resolver) Trace(ctx context.Context, name string, qtype uint16) Answer {
	steps := new([]Step)
	a := r.resolve(ctx, name, qtype, question{trace: steps})
	a.Trace = *steps
	return a
}

func (r *Resolver) resolve(ctx context.Context, name string, qtype uint16, how question) Answer {
	name, err := naming.Canonical(name)
	if err != nil {
		return Answer{Rcode: dns.RcodeFormatError}
	}
	var all Answer
	seen := map[string]bool{}
	for first := true; ; first = false {
		if seen[name] || len(seen) > chainMax {
			a := failed(r.now(), dns.ExtendedErrorCodeOther, "aliases go in a circle, or too far: "+name)
			return a
		}
		seen[name] = true
		a := r.one(ctx, name, qtype, how)
		if first {
			all = a
		} else {
			all.join(a)
		}
		next := aliasOf(a, name, qtype)
		if next == "" {
			return all
		}
		name = next
	}
}

// aliasOf returns the name that an answer leads to, or "".
func aliasOf(a Answer, name string, qtype uint16) string {
	if a.Rcode != dns.RcodeSuccess || qtype == dns.TypeCNAME {
		return ""
	}
	for range chainMax {
		next := ""
		for _, rr := range a.Answer {
			switch h := rr.Header(); {
			case !strings.EqualFold(h.Name, name):
			case h.Rrtype == qtype:
				return ""
			case h.Rrtype == dns.TypeCNAME:
				next = rr.(*dns.CNAME).Target
			}
		}
		if next == "" {
			break
		}
		if name = dns.CanonicalName(next); !owns(a, name) {
			return name
		}
	}
	return ""
}

func owns(a Answer, name string) bool {
	for _, rr := range a.Answer {
		if strings.EqualFold(rr.Header().Name, name) {
			return true
		}
	}
	return false
}

// one answers for a name without following aliases.
func (r *Resolver) one(ctx context.Context, name string, qtype uint16, how question) Answer {
	if key, ok := r.start(name, qtype); ok {
		w := &walk{Resolver: r, ctx: ctx, name: name, qtype: qtype, fresh: how.fresh, trace: how.trace, mu: new(sync.Mutex)}
		return w.answer(key)
	}
	switch {
	case dns.IsSubDomain(naming.Suffix, name):
		return r.alt.answer(name, qtype)
	case special(name):
		return specialAnswer(name, qtype, r.now())
	case r.config.Upstream == nil:
		return Answer{Rcode: dns.RcodeRefused, Extra: &Extra{dns.ExtendedErrorCodeNotAuthoritative, "not a name of Atoll's, and no upstream is configured"}}
	}
	began := r.now()
	a := r.asked(name, qtype, r.config.Upstream.Exchange(ctx, name, qtype))
	if how.trace != nil {
		*how.trace = append(*how.trace, Step{What: "upstream", Name: name, From: "network", Took: r.now().Sub(began), Note: dns.RcodeToString[a.Rcode]})
	}
	return a
}

// start returns the zone in which the way to a name begins.
func (r *Resolver) start(name string, qtype uint16) (*place, bool) {
	if origin, key, ok := naming.SelfKey(name); ok {
		if name == origin && qtype == dns.TypeDS {
			return nil, false // this peer's zone atoll.alt answers that
		}
		return &place{origin: origin, digests: []naming.Digest{naming.DigestOf(origin, key)}, root: true}, true
	}
	var best *place
	for _, root := range r.config.Roots() {
		if dns.IsSubDomain(root.Suffix, name) && (best == nil || len(root.Suffix) > len(best.origin)) {
			best = &place{origin: root.Suffix, digests: root.Digests, root: true}
		}
	}
	return best, best != nil
}

// answer walks, and says how long the answer may be given.
func (w *walk) answer(z *place) Answer {
	a, err := w.in(z)
	now := w.now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = true
	if err != nil {
		code, text := explain(err)
		return failed(now, code, fmt.Sprintf("%s: %s", z.origin, text))
	}
	if w.oldest.IsZero() {
		w.oldest = now
	}
	a.Stale = w.stale
	a.Refresh, a.Until = w.oldest.Add(refreshAge), w.oldest.Add(recordAge)
	if a.Stale {
		a.Extra = &Extra{dns.ExtendedErrorCodeStaleAnswer, "the zone's records cannot be looked up now"}
		a.Refresh, a.Until = now.Add(refreshAge), now.Add(failureTTL)
	}
	if !w.until.IsZero() && w.until.Before(a.Until) {
		a.Until = w.until
	}
	return a
}

// explain returns the extended error that tells a client what went wrong.
func explain(err error) (code uint16, text string) {
	switch {
	case errors.Is(err, record.ErrExpired):
		code = dns.ExtendedErrorCodeSignatureExpired
	case errors.Is(err, record.ErrEarly):
		code = dns.ExtendedErrorCodeSignatureNotYetValid
	case errors.Is(err, record.ErrRecord), errors.Is(err, record.ErrForeign):
		code = dns.ExtendedErrorCodeDNSBogus
	case errors.Is(err, errNoZone), errors.Is(err, errMissing), errors.Is(err, ErrAbsent), errors.Is(err, context.DeadlineExceeded):
		code = dns.ExtendedErrorCodeNoReachableAuthority
	}
	return code, err.Error()
}

// special reports whether a name is never asked of an upstream: it belongs to
// this machine, or to no DNS (RFC 6761, 6762, 7686, 9476).
func special(name string) bool {
	for _, suffix := range []string{"alt.", "localhost.", "invalid.", "test.", "onion.", "local."} {
		if dns.IsSubDomain(suffix, name) {
			return true
		}
	}
	return false
}

func specialAnswer(name string, qtype uint16, now time.Time) Answer {
	a := Answer{Rcode: dns.RcodeNameError, Refresh: now.Add(time.Hour), Until: now.Add(time.Hour)}
	if !dns.IsSubDomain("localhost.", name) {
		return a
	}
	a.Rcode = dns.RcodeSuccess
	h := dns.RR_Header{Name: name, Rrtype: qtype, Class: dns.ClassINET, Ttl: 3600}
	switch qtype {
	case dns.TypeA:
		a.Answer = []dns.RR{&dns.A{Hdr: h, A: []byte{127, 0, 0, 1}}}
	case dns.TypeAAAA:
		a.Answer = []dns.RR{&dns.AAAA{Hdr: h, AAAA: append(make([]byte, 15), 1)}}
	}
	return a
}
