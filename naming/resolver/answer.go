package resolver

import (
	"time"

	"github.com/miekg/dns"
)

// Answer is what became of a question. Its records must not be changed: they
// are shared.
type Answer struct {
	Rcode     int
	Answer    []dns.RR // with their RRSIGs
	Authority []dns.RR // SOA and NSEC3 of a "no", with RRSIGs
	Secure    bool     // all of it was checked back to an anchor
	Bogus     bool     // its zone has signed something else: only for who asks not to check
	Aging     bool     // its times to live run from when it was fetched
	Stale     bool     // it is older than it should be: its source cannot be reached
	Extra     *Extra   // what else the client should know; may be nil
	// Refresh is when the answer is to be looked up again, while it is still
	// given, and Until when it may not be given any more without that.
	Refresh, Until time.Time
	// Trace tells the way, if it was asked for.
	Trace []Step
}

// Checked is the answer for who does not check it himself: one that is bogus is a
// failure (RFC 4035 section 5.5).
func (a Answer) Checked() Answer {
	if a.Bogus {
		a.Rcode, a.Answer, a.Authority = dns.RcodeServerFailure, nil, nil
	}
	return a
}

// Extra is an extended DNS error (RFC 8914).
type Extra struct {
	Code uint16
	Text string
}

// Step is one thing that the resolver did for a question.
type Step struct {
	Zone string // in which zone
	What string // "DS", "name record", "denials", "upstream"
	Name string
	From string // "cache", "network"
	Took time.Duration
	Note string // what came of it
}

// failed returns an answer that says that there is none.
func failed(now time.Time, code uint16, text string) Answer {
	return Answer{Rcode: dns.RcodeServerFailure, Extra: &Extra{code, text}, Refresh: now.Add(failureTTL), Until: now.Add(failureTTL)}
}

// failureTTL is how long a failure is remembered (RFC 9520 wants one second at
// least), so that a storm of questions does not become a storm of lookups.
const failureTTL = 2 * time.Second

// join adds what a later step of a chain of aliases brought.
func (a *Answer) join(b Answer) {
	a.Rcode, a.Answer, a.Authority = b.Rcode, append(a.Answer, b.Answer...), append(a.Authority, b.Authority...)
	a.Secure, a.Stale, a.Bogus = a.Secure && b.Secure, a.Stale || b.Stale, a.Bogus || b.Bogus
	if b.Extra != nil {
		a.Extra = b.Extra
	}
	if b.Refresh.Before(a.Refresh) {
		a.Refresh = b.Refresh
	}
	if b.Until.Before(a.Until) {
		a.Until = b.Until
	}
}
