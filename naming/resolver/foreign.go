package resolver

import (
	"strings"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/naming"
)

// asked returns what an upstream's answer says of a name and of those that its
// aliases lead to. All else is left out, and so is what it says of names that are
// not its own to tell of: those are looked up where they lie, and checked. The
// response code is of the last name (RFC 6604 section 3), so it goes with them. It is
// secure if the upstream has checked it, and all of it is left.
func (r *Resolver) asked(name string, qtype uint16, a Answer) Answer {
	var out []dns.RR
	seen := map[string]bool{}
	answer := a.Answer
	for next := name; next != "" && !seen[next] && len(seen) <= chainMax; {
		seen[next] = true
		name, next = next, ""
		for _, rr := range answer {
			if !speaksOf(rr, name, qtype) {
				continue
			}
			out = append(out, rr)
			if c, ok := rr.(*dns.CNAME); ok && qtype != dns.TypeCNAME {
				next = dns.CanonicalName(c.Target)
			}
		}
		if next != "" && r.ours(next) {
			a.Rcode, a.Authority = dns.RcodeSuccess, nil
			break
		}
	}
	a.Secure = a.Secure && len(out) == len(a.Answer)
	a.Answer = out
	return a
}

// speaksOf reports whether a record is of a name and of the wanted type, or an
// alias of it or of a name above, or a signature of one of those.
func speaksOf(rr dns.RR, name string, qtype uint16) bool {
	h := rr.Header()
	t := h.Rrtype
	if sig, ok := rr.(*dns.RRSIG); ok && qtype != dns.TypeRRSIG {
		t = sig.TypeCovered
	}
	switch {
	case h.Class != dns.ClassINET:
		return false
	case t == dns.TypeDNAME && dns.IsSubDomain(h.Name, name):
		return true
	}
	return strings.EqualFold(h.Name, name) && (t == qtype || t == dns.TypeCNAME)
}

// ours reports whether a name is never an upstream's to tell of.
func (r *Resolver) ours(name string) bool {
	_, zone := r.start(name, dns.TypeA)
	return zone || dns.IsSubDomain(naming.Suffix, name) || special(name)
}
