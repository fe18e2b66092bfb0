package upstream

import (
	"context"
	"errors"
	"fmt"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/miekg/dns"

	"github.com/atollnet/atoll/naming/chain"
	"github.com/atollnet/atoll/naming/resolver"
)

const (
	// zonesMax bounds the zones whose keys are remembered, and signaturesMax the
	// signatures of one set that are tried: a zone that changes its algorithm has
	// two.
	zonesMax      = 1 << 10
	signaturesMax = 4
)

var (
	errUnsigned = errors.New("not signed")
	// errForged: the keys of the zone are trusted, and it has not signed this. An
	// answer whose signatures are left out, or over, is not said to be: there are
	// resolvers that leave them out, and clocks that are wrong.
	errForged = errors.New("its signatures are wrong")
)

// prover finds what proves an answer, by asking the same resolvers for the keys
// and delegations of the zones above it.
type prover struct {
	from    Asker
	anchors []*dns.DS
	now     func() time.Time
	zones   *lru.Cache[string, way]
}

// way is how a zone's keys are trusted, and until when that is remembered.
type way struct {
	links []chain.Link
	keys  []*dns.DNSKEY
	until time.Time
}

func newProver(from Asker, anchors []*dns.DS, now func() time.Time) *prover {
	zones, err := lru.New[string, way](zonesMax)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return &prover{from: from, anchors: anchors, now: now, zones: zones}
}

// prove makes a chain of an answer of the resolvers, if it is signed and all that
// proves it can be had.
func (p *prover) prove(ctx context.Context, name string, qtype uint16, a resolver.Answer) (*chain.Chain, chain.Result, error) {
	c := &chain.Chain{Name: name, Type: qtype, Until: uint32(min(a.Until.Unix(), 1<<32-1))}
	zone, ok := signer(name, qtype, a)
	if !ok {
		return nil, chain.Result{}, errUnsigned
	}
	w, err := p.way(ctx, zone, chain.ZonesMax)
	if err != nil {
		return nil, chain.Result{}, err
	}
	c.Links = w.links
	signed := func(s chain.Set) error { return s.SignedBy(zone, w.keys) }
	for _, kind := range []uint16{qtype, dns.TypeCNAME} {
		if s, ok := p.pick(a.Answer, name, kind, signed); ok {
			c.Answer = append(c.Answer, s)
			break
		}
		if p.isForged(a.Answer, name, kind, zone) {
			return nil, chain.Result{}, fmt.Errorf("%s: %w", name, errForged)
		}
	}
	found := len(c.Answer) > 0
	for _, rr := range a.Authority {
		if found && c.Answer[0].Exact() {
			break // the rest tells of where an alias leads
		}
		kind := rr.Header().Rrtype
		if kind != dns.TypeSOA && kind != dns.TypeNSEC && kind != dns.TypeNSEC3 || kind == dns.TypeSOA && found {
			continue
		}
		if s, ok := p.pick(a.Authority, dns.CanonicalName(rr.Header().Name), kind, signed); ok && len(c.Answer) < chain.SetsMax {
			c.Answer = append(c.Answer, s)
		}
	}
	r, err := c.Verify(p.anchors, p.now())
	return c, r, err
}

// signer returns the zone that says that it signed an answer.
func signer(name string, qtype uint16, a resolver.Answer) (zone string, ok bool) {
	for _, rr := range a.Answer {
		if sig, is := rr.(*dns.RRSIG); is && dns.CanonicalName(sig.Hdr.Name) == name && (sig.TypeCovered == qtype || sig.TypeCovered == dns.TypeCNAME) {
			return dns.CanonicalName(sig.SignerName), true
		}
	}
	if len(a.Answer) > 0 {
		return "", false
	}
	for _, rr := range a.Authority {
		if sig, is := rr.(*dns.RRSIG); is && sig.TypeCovered == dns.TypeSOA {
			return dns.CanonicalName(sig.SignerName), true
		}
	}
	return "", false
}

// isForged reports whether a set that no trusted key of its zone has signed says
// that one has, now, in a way that can be checked.
func (p *prover) isForged(rrs []dns.RR, name string, kind uint16, zone string) bool {
	records, signatures := 0, 0
	for _, rr := range rrs {
		h := rr.Header()
		if dns.CanonicalName(h.Name) != name || h.Class != dns.ClassINET {
			continue
		}
		sig, ok := rr.(*dns.RRSIG)
		switch {
		case !ok && h.Rrtype == kind:
			records++
		case !ok || sig.TypeCovered != kind:
		case dns.CanonicalName(sig.SignerName) != zone || !chain.Known(sig.Algorithm) || chain.InTime(sig, p.now(), 0) != nil:
			return false // it is of another zone, or cannot be checked
		default:
			signatures++
		}
	}
	return records > 0 && records <= chain.SetRecordsMax && signatures > 0 && signatures <= signaturesMax && dns.IsSubDomain(zone, name)
}

// pick returns the set of a name and type with a signature that is good now.
func (p *prover) pick(rrs []dns.RR, name string, kind uint16, good func(chain.Set) error) (chain.Set, bool) {
	var in []dns.RR
	var sigs []*dns.RRSIG
	for _, rr := range rrs {
		h := rr.Header()
		if dns.CanonicalName(h.Name) != name || h.Class != dns.ClassINET {
			continue
		}
		if sig, ok := rr.(*dns.RRSIG); ok && sig.TypeCovered == kind {
			sigs = append(sigs, sig)
		} else if h.Rrtype == kind && len(in) < chain.SetRecordsMax {
			in = append(in, rr)
		}
	}
	if len(in) == 0 {
		return chain.Set{}, false
	}
	for _, sig := range sigs[:min(len(sigs), signaturesMax)] {
		if s := chain.Choose(in, sig); chain.InTime(s.Sig, p.now(), 0) == nil && good(s) == nil {
			return s, true
		}
	}
	return chain.Set{}, false
}

// way returns how the keys of a zone are trusted, over at most so many zones.
func (p *prover) way(ctx context.Context, zone string, zones int) (way, error) {
	if w, ok := p.zones.Get(zone); ok && p.now().Before(w.until) {
		if len(w.links) > zones {
			return way{}, fmt.Errorf("%s lies more than %d zones below the anchor", zone, chain.ZonesMax)
		}
		return w, nil
	}
	if zones == 0 {
		return way{}, fmt.Errorf("%s lies more than %d zones below the anchor", zone, chain.ZonesMax)
	}
	w := way{links: make([]chain.Link, 1), until: p.now().Add(ttlMax * time.Second)}
	ds := chain.Anchored(zone, p.anchors)
	if len(ds) == 0 {
		above, set, err := p.above(ctx, zone, zones-1)
		if err != nil {
			return way{}, err
		}
		w.links[0].DS, ds, w.until = set, set.RRs, above.until
		w.links = append(w.links, above.links...)
	}
	a := p.from.Exchange(ctx, zone, dns.TypeDNSKEY)
	keys, ok := p.pick(a.Answer, zone, dns.TypeDNSKEY, func(s chain.Set) (err error) {
		l := chain.Link{Keys: s}
		w.keys, err = l.Trusted(ds)
		return err
	})
	if !ok {
		return way{}, fmt.Errorf("the keys of %s are not trusted", zone)
	}
	w.links[0].Keys = keys
	if a.Until.Before(w.until) {
		w.until = a.Until
	}
	p.zones.Add(zone, w)
	return w, nil
}

// above returns how the zone above one is trusted, and what it says of that one.
func (p *prover) above(ctx context.Context, zone string, zones int) (w way, set chain.Set, err error) {
	a := p.from.Exchange(ctx, zone, dns.TypeDS)
	parent, ok := signer(zone, dns.TypeDS, a)
	if !ok || len(a.Answer) == 0 || parent == zone || !dns.IsSubDomain(parent, zone) {
		return w, set, fmt.Errorf("%s: %w", zone, errUnsigned)
	}
	if w, err = p.way(ctx, parent, zones); err != nil {
		return w, set, err
	}
	set, ok = p.pick(a.Answer, zone, dns.TypeDS, func(s chain.Set) error { return s.SignedBy(parent, w.keys) })
	if !ok {
		return w, set, fmt.Errorf("the delegation of %s is not signed by %s", zone, parent)
	}
	if a.Until.Before(w.until) {
		w.until = a.Until
	}
	return w, set, nil
}
