package resolver

import (
	"crypto/sha1"
	"errors"
	"fmt"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
	"github.com/atollnet/atoll/naming/record"
)

// proof is a link that says something of a name, and the page or record that it
// stands in.
type proof struct {
	zone   *record.Zone
	link   *record.Link
	exists bool
}

// prove finds the link that says whether a name exists. The zone's own record
// says how its pages are cut, and under which key.
func (w *walk) prove(z *place, apex *record.Name, name string) (proof, error) {
	packed, err := naming.Pack(name)
	if err != nil {
		return proof{}, err
	}
	hash := sha1.Sum(packed)
	digest := naming.DigestOf(z.origin, apex.Zone.Key)
	f := w.get(z, wire.RecordDenial, naming.DenialID(digest, apex.Bits, record.Prefix(hash, apex.Bits)), "denials for "+name)
	if f.err != nil {
		return proof{}, f.err
	}
	link, exists := f.denial.Find(hash)
	if link == nil {
		return proof{}, fmt.Errorf("%w: its page does not say whether %s exists", record.ErrRecord, name)
	}
	if err := f.check(link); err != nil {
		return proof{}, err
	}
	return proof{&f.denial.Zone, link, exists}, nil
}

// missing answers for a name whose record was not found: it is proved that
// there is none, or that a wildcard stands for it, or the question fails.
func (w *walk) missing(z *place, names []string, looked []func() *found) (Answer, error) {
	apex := w.record(z, z.origin)
	if apex.err != nil {
		return Answer{}, noZone(apex.err)
	}
	if apex.name.Gone() {
		return Answer{}, errNoZone
	}
	// The pages for the usual case, a name one below the last that exists, are
	// fetched at the same time.
	w.each(2, func(i int) *found {
		_, err := w.prove(z, apex.name, [...]string{names[0], "*." + trimRoot(z.origin)}[i])
		return &found{err: err}
	})
	encloser := proof{&apex.name.Zone, &apex.name.Link[0], true}
	above := z.origin
	for i, name := range names {
		p, err := w.prove(z, apex.name, name)
		if err != nil {
			return Answer{}, err
		}
		if !p.exists {
			return w.denied(z, apex.name, above, encloser, p)
		}
		last := i == len(names)-1
		if err := w.lacking(p, last, looked[i]); err != nil {
			return Answer{}, err
		}
		if last {
			return w.noData(z, p.zone, p.link)
		}
		encloser, above = p, name
	}
	return Answer{}, errMissing
}

func trimRoot(origin string) string {
	if origin == "." {
		return ""
	}
	return origin
}

// lacking checks that what a link says of a name agrees with its record not
// having been found: peers may withhold a delegation, or what was asked for.
func (w *walk) lacking(p proof, last bool, looked func() *found) error {
	types, err := typesOf(p)
	if err != nil {
		return err
	}
	if f := looked(); f.err != nil && !errors.Is(f.err, ErrAbsent) {
		return f.err
	}
	cut := types[dns.TypeNS] && !types[dns.TypeSOA]
	if types[dns.TypeDNAME] || cut || last && (types[w.qtype] || types[dns.TypeCNAME]) {
		return errMissing
	}
	return nil
}

func typesOf(p proof) (map[uint16]bool, error) {
	n, _, err := p.zone.NSEC3(p.link)
	if err != nil {
		return nil, err
	}
	types := make(map[uint16]bool, len(n.TypeBitMap))
	for _, t := range n.TypeBitMap {
		types[t] = true
	}
	return types, nil
}

// denied answers for a name that does not exist: with a wildcard beside it, or
// with the proof that there is none.
func (w *walk) denied(z *place, apex *record.Name, above string, encloser, next proof) (Answer, error) {
	wildcard := "*." + trimRoot(above)
	p, err := w.prove(z, apex, wildcard)
	if err != nil {
		return Answer{}, err
	}
	if p.exists {
		return w.wild(z, wildcard, p, encloser, next)
	}
	return w.no(z, dns.RcodeNameError, encloser, next, p)
}

// wild answers with what a wildcard stands for, and the proof that the name
// itself is not there (RFC 5155 section 7.2.6).
func (w *walk) wild(z *place, wildcard string, p, encloser, next proof) (Answer, error) {
	f := w.record(z, wildcard)
	if f.err != nil || f.name.Gone() {
		if err := w.lacking(p, true, func() *found { return f }); err != nil {
			return Answer{}, err
		}
		return w.no(z, dns.RcodeSuccess, encloser, next, p)
	}
	t := w.qtype
	if f.name.Set(t) == nil {
		t = dns.TypeCNAME
	}
	if f.name.Set(t) == nil {
		return w.no(z, dns.RcodeSuccess, encloser, next, proof{&f.name.Zone, &f.name.Link[0], true})
	}
	rrs, err := signedSet(f.name, t, w.name)
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Rcode: dns.RcodeSuccess, Answer: rrs, Secure: true}
	return a, a.prove(next)
}

// noData answers that a name has no records of the wanted type.
func (w *walk) noData(z *place, zone *record.Zone, link *record.Link) (Answer, error) {
	return w.no(z, dns.RcodeSuccess, proof{zone, link, true})
}

func (w *walk) no(z *place, rcode int, proofs ...proof) (Answer, error) {
	apex := w.record(z, z.origin)
	if apex.err != nil {
		return Answer{}, noZone(apex.err)
	}
	a := Answer{Rcode: rcode, Secure: true}
	soa, err := signedSet(apex.name, dns.TypeSOA, z.origin)
	if err != nil {
		return Answer{}, err
	}
	for _, rr := range soa {
		rr.Header().Ttl = min(rr.Header().Ttl, apex.name.Zone.NegativeTTL)
	}
	a.Authority = soa
	for _, p := range proofs {
		if err := a.prove(p); err != nil {
			return Answer{}, err
		}
	}
	return a, nil
}

// prove adds a link to an answer.
func (a *Answer) prove(p proof) error {
	n, sig, err := p.zone.NSEC3(p.link)
	if err != nil {
		return err
	}
	for _, rr := range a.Authority {
		if rr.Header().Rrtype == dns.TypeNSEC3 && rr.Header().Name == n.Hdr.Name {
			return nil
		}
	}
	a.Authority = append(a.Authority, n, sig)
	return nil
}
