package chain

import (
	"fmt"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/internal/wire"
)

// Skew is how far clocks of honest peers may differ. A peer that keeps an answer
// for others is that lenient; one that answers a client is not.
const Skew = time.Hour

// Root returns the DS records of the root's keys: KSK-2017 and KSK-2024, as
// https://data.iana.org/root-anchors/root-anchors.xml has them.
func Root() []*dns.DS {
	h := dns.RR_Header{Name: ".", Rrtype: dns.TypeDS, Class: dns.ClassINET, Ttl: 172800}
	return []*dns.DS{
		{Hdr: h, KeyTag: 20326, Algorithm: dns.RSASHA256, DigestType: dns.SHA256, Digest: "e06d44b80b8f1d39a95c0b0d7c65d08458e880409bbc683457104237c7f8ec8d"},
		{Hdr: h, KeyTag: 38696, Algorithm: dns.RSASHA256, DigestType: dns.SHA256, Digest: "683d2d0acb8c9b712a1948b27f741219298d0a450d612c483af444a4c0fb2b16"},
	}
}

// Check parses a record and reports why it does not belong under that identifier,
// is not proved by the anchors, or is not valid at that time.
func Check(id wire.RecordID, value []byte, anchors []*dns.DS, now time.Time) error {
	c, err := Parse(value)
	if err != nil {
		return err
	}
	if want, err := ID(c.Name, c.Type); err != nil || want != id {
		return ErrForeign
	}
	_, err = c.verify(anchors, now, Skew)
	return err
}

// Stamp returns what orders records of one question, and when the record ends,
// unchecked: a later signature counts for more than a later end. What it is
// ordered by is signed, but for the end, which Check bounds.
func Stamp(value []byte) (serial uint64, expires time.Time, err error) {
	c, err := Parse(value)
	if err != nil {
		return 0, time.Time{}, err
	}
	return uint64(c.Answer[0].Sig.Inception)<<32 | uint64(c.Until), time.Unix(int64(c.Until), 0), nil
}

// Result is what a proved answer says.
type Result struct {
	Rcode     int
	Answer    []dns.RR // with signatures
	Authority []dns.RR
	// TTL is the time to live of all of it, as signed, in seconds, and Until when
	// the answer ends: never later than a client of the zone's own servers could
	// still have it.
	TTL   uint32
	Until time.Time
}

// Verify checks the answer back to one of the anchors and returns what it says.
// Errors: ErrBogus, ErrTime.
func (c *Chain) Verify(anchors []*dns.DS, now time.Time) (Result, error) {
	return c.verify(anchors, now, 0)
}

func (c *Chain) verify(anchors []*dns.DS, now time.Time, skew time.Duration) (Result, error) {
	for _, s := range c.sets() {
		if err := InTime(s.Sig, now, skew); err != nil {
			return Result{}, err
		}
		if int64(c.Until) > int64(s.Sig.Expiration) {
			return Result{}, fmt.Errorf("%w: it ends later than its signatures", ErrTime)
		}
	}
	if len(c.Links) == 0 || len(c.Answer) == 0 {
		return Result{}, ErrBogus
	}
	keys, err := trusted(c.Links, anchors)
	if err != nil {
		return Result{}, err
	}
	zone := c.Links[0].Zone()
	for i := range c.Answer {
		if err := c.Answer[i].SignedBy(zone, keys); err != nil {
			return Result{}, err
		}
	}
	r, err := c.read(zone)
	if err != nil {
		return Result{}, err
	}
	return r, c.bound(&r, now, skew)
}

// bound says when the answer ends.
func (c *Chain) bound(r *Result, now time.Time, skew time.Duration) error {
	until := time.Unix(int64(c.Until), 0)
	last := now.Add(time.Duration(min(r.TTL, TTLMax)) * time.Second)
	if !now.Before(until) || until.After(last.Add(Skew)) {
		return fmt.Errorf("%w: it ends at %v", ErrTime, until.UTC())
	}
	if r.Until = until; until.After(last) {
		r.Until = last
	}
	return nil
}

// InTime reports why a signature is not valid at that time.
func InTime(sig *dns.RRSIG, now time.Time, skew time.Duration) error {
	switch {
	case now.Add(-skew).Unix() > int64(sig.Expiration):
		return fmt.Errorf("%w: a signature of %s has expired", ErrTime, sig.SignerName)
	case now.Add(skew).Unix() < int64(sig.Inception):
		return fmt.Errorf("%w: a signature of %s is not valid yet", ErrTime, sig.SignerName)
	}
	return nil
}

// trusted checks the links, from the anchor down, and returns the keys of the
// first one's zone. The times are the caller's to check.
func trusted(links []Link, anchors []*dns.DS) ([]*dns.DNSKEY, error) {
	ds := Anchored(links[len(links)-1].Zone(), anchors)
	for i := len(links) - 1; ; i-- {
		l := &links[i]
		keys, err := l.Trusted(ds)
		if err != nil || i == 0 {
			return keys, err
		}
		below := &links[i-1]
		if below.Zone() == l.Zone() {
			return nil, fmt.Errorf("%w: %s is its own parent", ErrBogus, l.Zone())
		}
		if !below.DS.Exact() {
			return nil, fmt.Errorf("%w: a wildcard for a delegation", ErrBogus)
		}
		if err := below.DS.SignedBy(l.Zone(), keys); err != nil {
			return nil, err
		}
		ds = below.DS.RRs
	}
}

// Anchored returns the anchors of a zone.
func Anchored(zone string, anchors []*dns.DS) (ds []dns.RR) {
	for _, a := range anchors {
		if dns.CanonicalName(a.Hdr.Name) == zone {
			ds = append(ds, a)
		}
	}
	return ds
}

// Trusted returns the keys of the link's zone, if one that a DS record names has
// signed them. It does not look at times.
func (l *Link) Trusted(ds []dns.RR) (all []*dns.DNSKEY, err error) {
	var entry []*dns.DNSKEY
	for _, rr := range l.Keys.RRs {
		k, ok := rr.(*dns.DNSKEY)
		if !ok || k.Protocol != 3 || k.Flags&dns.ZONE == 0 || k.Flags&dns.REVOKE != 0 || !Known(k.Algorithm) {
			continue
		}
		if all = append(all, k); k.Algorithm == l.Keys.Sig.Algorithm && k.KeyTag() == l.Keys.Sig.KeyTag && named(k, ds) {
			entry = append(entry, k)
		}
	}
	if !l.Keys.Exact() {
		return nil, fmt.Errorf("%w: a wildcard for keys", ErrBogus)
	}
	return all, l.Keys.SignedBy(l.Zone(), entry)
}

// Known reports whether an algorithm is one that may be relied on.
func Known(algorithm uint8) bool {
	switch algorithm {
	case dns.RSASHA256, dns.RSASHA512, dns.ECDSAP256SHA256, dns.ECDSAP384SHA384, dns.ED25519:
		return true
	}
	return false
}

// named reports whether a DS record is of the key.
func named(k *dns.DNSKEY, ds []dns.RR) bool {
	for _, rr := range ds {
		d, ok := rr.(*dns.DS)
		if !ok || d.KeyTag != k.KeyTag() || d.Algorithm != k.Algorithm || d.DigestType != dns.SHA256 && d.DigestType != dns.SHA384 {
			continue
		}
		if own := k.ToDS(d.DigestType); own != nil && strings.EqualFold(own.Digest, d.Digest) {
			return true
		}
	}
	return false
}

// SignedBy reports why the set is not signed by one of the keys of the zone: at
// most sameTagMax signatures are computed. It does not look at times.
func (s *Set) SignedBy(zone string, keys []*dns.DNSKEY) error {
	if dns.CanonicalName(s.Sig.SignerName) != zone || !dns.IsSubDomain(zone, s.Name()) || !Known(s.Sig.Algorithm) {
		return fmt.Errorf("%w: %s is not signed by its zone", ErrBogus, s.Name())
	}
	tried := 0
	for _, k := range keys {
		if k.Algorithm != s.Sig.Algorithm || k.KeyTag() != s.Sig.KeyTag {
			continue
		}
		if tried++; tried > sameTagMax {
			break
		}
		if s.Sig.Verify(k, s.RRs) == nil {
			return nil
		}
	}
	return fmt.Errorf("%w: the signature of %s %s is wrong", ErrBogus, s.Name(), dns.Type(s.kind()))
}
