package resolver

import (
	"crypto/sha1"
	"encoding/base32"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
	"github.com/atollnet/atoll/naming/record"
)

// altZone is this peer's own zone atoll.alt. Every key has a name in it, so it
// cannot be signed beforehand: its answers are signed when they are asked for,
// and denials cover nothing but the name that was asked (RFC 7129 appendix B).
// It says what anybody can compute from the name; a validator outside takes its
// key to have one anchor for all keys.
type altZone struct {
	public wire.PublicKey
	signer record.Signer
	now    func() time.Time
}

const (
	altValidity = 24 * time.Hour
	altTTL      = 3600
)

func newAltZone(key wire.Key, now func() time.Time) *altZone {
	return &altZone{public: key.Public(), signer: record.NewSigner(key.Seed()), now: now}
}

// answer answers for names in atoll.alt that are in no zone below it, and for
// the DS of such zones.
func (z *altZone) answer(name string, qtype uint16) Answer {
	a := Answer{Secure: true, Refresh: z.now().Add(time.Hour), Until: z.now().Add(time.Hour)}
	if name == naming.Suffix {
		if set := z.apex(qtype); set != nil {
			a.Answer = z.signed(set)
			return a
		}
		a.Authority = append(z.signed(z.apex(dns.TypeSOA)), z.signed(z.match())...)
		return a
	}
	if origin, key, ok := naming.SelfKey(name); ok && name == origin && qtype == dns.TypeDS {
		ds := naming.DS(origin, key)
		ds.Hdr.Ttl = altTTL
		a.Answer = z.signed([]dns.RR{ds})
		return a
	}
	a.Rcode = dns.RcodeNameError
	a.Authority = append(z.signed(z.apex(dns.TypeSOA)), z.signed(z.match())...)
	rest := strings.TrimSuffix(name, "."+naming.Suffix)
	next := rest[strings.LastIndexByte(rest, '.')+1:] + "." + naming.Suffix
	for _, covered := range []string{next, "*." + naming.Suffix} {
		a.Authority = append(a.Authority, z.signed(z.cover(covered))...)
	}
	return a
}

func (z *altZone) header(t uint16) dns.RR_Header {
	return dns.RR_Header{Name: naming.Suffix, Rrtype: t, Class: dns.ClassINET, Ttl: altTTL}
}

// apex returns what the zone's own name has.
func (z *altZone) apex(t uint16) []dns.RR {
	switch t {
	case dns.TypeSOA:
		return []dns.RR{&dns.SOA{Hdr: z.header(t), Ns: naming.Suffix, Mbox: "hostmaster." + naming.Suffix, Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: 60}}
	case dns.TypeNS:
		return []dns.RR{&dns.NS{Hdr: z.header(t), Ns: naming.Suffix}}
	case dns.TypeDNSKEY:
		return []dns.RR{naming.DNSKEY(naming.Suffix, z.public)}
	}
	return nil
}

func (z *altZone) signed(set []dns.RR) []dns.RR {
	h := set[0].Header()
	now := z.now()
	sig := &dns.RRSIG{
		Hdr:       dns.RR_Header{Name: h.Name, Rrtype: dns.TypeRRSIG, Class: dns.ClassINET, Ttl: h.Ttl},
		Algorithm: dns.ED25519, SignerName: naming.Suffix, KeyTag: naming.DNSKEY(naming.Suffix, z.public).KeyTag(),
		Inception: uint32(now.Add(-time.Hour).Unix()), Expiration: uint32(now.Add(altValidity).Unix()),
	}
	if err := sig.Sign(z.signer, set); err != nil {
		panic("resolver: sign atoll.alt: " + err.Error()) // our own key and our own set
	}
	return append(set, sig)
}

// match returns the NSEC3 of the zone's own name.
func (z *altZone) match() []dns.RR {
	hash := hashOf(naming.Suffix)
	return []dns.RR{z.nsec3(hash, after(hash), dns.TypeNS, dns.TypeSOA, dns.TypeRRSIG, dns.TypeDNSKEY)}
}

// cover returns an NSEC3 that covers one name.
func (z *altZone) cover(name string) []dns.RR {
	hash := hashOf(name)
	return []dns.RR{z.nsec3(before(hash), after(hash))}
}

func (z *altZone) nsec3(owner, next [sha1.Size]byte, types ...uint16) dns.RR {
	text := base32.HexEncoding.WithPadding(base32.NoPadding)
	h := z.header(dns.TypeNSEC3)
	h.Name, h.Ttl = strings.ToLower(text.EncodeToString(owner[:]))+"."+naming.Suffix, 60
	return &dns.NSEC3{Hdr: h, Hash: dns.SHA1, HashLength: sha1.Size, NextDomain: text.EncodeToString(next[:]), TypeBitMap: types}
}

func hashOf(name string) [sha1.Size]byte {
	packed, err := naming.Pack(name)
	if err != nil {
		panic("resolver: an unchecked name: " + name)
	}
	return sha1.Sum(packed)
}

func after(h [sha1.Size]byte) [sha1.Size]byte {
	for i := len(h) - 1; i >= 0; i-- {
		if h[i]++; h[i] != 0 {
			break
		}
	}
	return h
}

func before(h [sha1.Size]byte) [sha1.Size]byte {
	for i := len(h) - 1; i >= 0; i-- {
		if h[i]--; h[i] != 0xff {
			break
		}
	}
	return h
}
