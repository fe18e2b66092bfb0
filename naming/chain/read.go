package chain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// read tells what the sets say, all of which are signed by the zone.
func (c *Chain) read(zone string) (r Result, err error) {
	if c.Type == dns.TypeDS && zone == c.Name {
		return r, fmt.Errorf("%w: %s speaks for its parent", ErrBogus, zone)
	}
	r.TTL = TTLMax
	for i := range c.Answer {
		r.TTL = min(r.TTL, c.Answer[i].Sig.OrigTtl)
	}
	first := &c.Answer[0]
	if first.Name() == c.Name && (first.kind() == c.Type || first.kind() == dns.TypeCNAME) {
		return c.positive(r)
	}
	return c.negative(r, zone)
}

// positive reads a set that answers. Where a wildcard made it, the rest proves that
// the name itself does not exist (RFC 4035 section 5.3.4).
func (c *Chain) positive(r Result) (Result, error) {
	s := &c.Answer[0]
	r.Answer = s.all()
	if s.Exact() {
		if len(c.Answer) > 1 {
			return r, fmt.Errorf("%w: there is more than the answer", ErrBogus)
		}
		return r, nil
	}
	d, err := c.denials(c.Answer[1:])
	if err != nil {
		return r, err
	}
	closer := suffix(c.Name, int(s.Sig.Labels)+1)
	if !d.absent(closer) {
		return r, fmt.Errorf("%w: nothing says that %s is not there", ErrBogus, closer)
	}
	r.Authority = all(c.Answer[1:])
	return r, nil
}

// negative reads a denial: the zone's SOA record, and what proves it.
func (c *Chain) negative(r Result, zone string) (Result, error) {
	s := &c.Answer[0]
	soa, ok := s.RRs[0].(*dns.SOA)
	if !ok || s.Name() != zone || len(s.RRs) != 1 || !s.Exact() || !dns.IsSubDomain(zone, c.Name) {
		return r, fmt.Errorf("%w: neither an answer nor a denial", ErrBogus)
	}
	r.TTL = min(r.TTL, soa.Minttl)
	d, err := c.denials(c.Answer[1:])
	if err != nil {
		return r, err
	}
	switch {
	case d.none(c.Name, c.Type):
		r.Rcode = dns.RcodeSuccess
	case d.nobody(c.Name):
		r.Rcode = dns.RcodeNameError
	default:
		return r, fmt.Errorf("%w: nothing says that %s is not there", ErrBogus, c)
	}
	r.Authority = all(c.Answer)
	return r, nil
}

// denials reads NSEC or NSEC3 records, one to a set and not both kinds.
func (c *Chain) denials(sets []Set) (d denial, err error) {
	for i := range sets {
		s := &sets[i]
		if len(s.RRs) != 1 || !s.Exact() {
			return d, fmt.Errorf("%w: a denial of several records", ErrBogus)
		}
		switch rr := s.RRs[0].(type) {
		case *dns.NSEC:
			d.plain = append(d.plain, rr)
		case *dns.NSEC3:
			if rr.Hash != dns.SHA1 || rr.Iterations > IterationsMax || rr.Flags&^1 != 0 || dns.CountLabel(rr.Hdr.Name) != dns.CountLabel(s.Sig.SignerName)+1 {
				return d, fmt.Errorf("%w: an NSEC3 that is not taken", ErrBogus)
			}
			d.hashed = append(d.hashed, rr)
		default:
			return d, fmt.Errorf("%w: %s is no denial", ErrBogus, dns.Type(s.kind()))
		}
	}
	if len(d.plain) > 0 && len(d.hashed) > 0 || len(d.plain)+len(d.hashed) == 0 {
		return d, fmt.Errorf("%w: no denial, or of two kinds", ErrBogus)
	}
	for _, h := range d.hashed {
		if h.Iterations != d.hashed[0].Iterations || h.Salt != d.hashed[0].Salt {
			return d, fmt.Errorf("%w: denials of two chains", ErrBogus)
		}
	}
	d.zone = dns.CanonicalName(sets[0].Sig.SignerName)
	return d, nil
}

// Exact reports whether the set is signed under its own name, not made by a
// wildcard.
func (s *Set) Exact() bool {
	labels := dns.CountLabel(s.Name())
	if strings.HasPrefix(s.Name(), "*.") {
		labels--
	}
	return int(s.Sig.Labels) == labels
}

func (s *Set) all() []dns.RR { return append(slices.Clone(s.RRs), s.Sig) }

func all(sets []Set) (rrs []dns.RR) {
	for i := range sets {
		rrs = append(rrs, sets[i].all()...)
	}
	return rrs
}

// suffix returns the last labels of a name.
func suffix(name string, labels int) string {
	at := dns.Split(name)
	if labels >= len(at) {
		return name
	}
	if labels <= 0 {
		return "."
	}
	return name[at[len(at)-labels]:]
}
