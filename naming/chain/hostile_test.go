package chain_test

import (
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/naming/chain"
)

// trap is a zone whose signatures cost much to check.
type trap struct {
	t       *testing.T
	private ed25519.PrivateKey
	key     *dns.DNSKEY
	keys    []dns.RR
}

// newTrap returns a zone "." with so many keys of one tag, none of which but one
// signs anything.
func newTrap(t *testing.T, alike int) *trap {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	z := &trap{t: t, private: private, key: rootKey(public)}
	z.keys = []dns.RR{z.key}
	for i := range alike {
		other := make([]byte, ed25519.PublicKeySize)
		copy(other, public)
		// Two bytes that count alike change places: the tag is a sum.
		at := 2 * i
		other[at], other[at+2] = public[at+2], public[at]
		k := rootKey(other)
		if k.KeyTag() != z.key.KeyTag() || k.PublicKey == z.key.PublicKey {
			return newTrap(t, alike) // the two were the same
		}
		z.keys = append(z.keys, k)
	}
	return z
}

func rootKey(public []byte) *dns.DNSKEY {
	return &dns.DNSKEY{
		Hdr:   dns.RR_Header{Name: ".", Rrtype: dns.TypeDNSKEY, Class: dns.ClassINET, Ttl: 3600},
		Flags: 257, Protocol: 3, Algorithm: dns.ED25519, PublicKey: base64.StdEncoding.EncodeToString(public),
	}
}

func (z *trap) sign(rrs ...dns.RR) chain.Set {
	z.t.Helper()
	sig := &dns.RRSIG{
		Hdr: dns.RR_Header{Ttl: 3600}, Algorithm: dns.ED25519, KeyTag: z.key.KeyTag(), SignerName: ".", OrigTtl: 3600,
		Inception: uint32(now.Add(-time.Hour).Unix()), Expiration: uint32(now.Add(time.Hour).Unix()),
	}
	if err := sig.Sign(crypto.Signer(z.private), rrs); err != nil {
		z.t.Fatal(err)
	}
	return chain.Choose(rrs, sig)
}

func record(t *testing.T, text string) dns.RR {
	t.Helper()
	rr, err := dns.NewRR(text)
	if err != nil {
		t.Fatal(err)
	}
	return rr
}

// A zone with many keys of one tag has its signatures tried with two of them, not
// with each (KeyTrap).
func TestKeysOfOneTagAreTriedTwice(t *testing.T) {
	for alike := range 4 {
		z := newTrap(t, alike)
		c := &chain.Chain{Name: "www.", Type: dns.TypeA, Until: uint32(now.Add(time.Minute).Unix())}
		c.Answer = []chain.Set{z.sign(record(t, "www. 3600 IN A 192.0.2.1"))}
		keys := z.sign(z.keys...)
		for i, k := range keys.RRs { // the true one comes last; signatures do not depend on the order
			if k.(*dns.DNSKEY).PublicKey == z.key.PublicKey {
				keys.RRs[i], keys.RRs[len(keys.RRs)-1] = keys.RRs[len(keys.RRs)-1], keys.RRs[i]
			}
		}
		c.Links = []chain.Link{{Keys: keys}}
		anchors := []*dns.DS{}
		for _, k := range z.keys {
			anchors = append(anchors, k.(*dns.DNSKEY).ToDS(dns.SHA256))
		}
		if _, err := c.Verify(anchors, now); (err == nil) != (alike < 2) {
			t.Errorf("%d keys like the true one: %v", alike, err)
		}
	}
}

// Hashes of very many iterations are not computed, and other oddities of NSEC3 not
// believed.
func TestNSEC3IsBounded(t *testing.T) {
	z := newTrap(t, 0)
	for _, x := range []struct {
		iterations, flags int
		salt              string
		taken             bool
	}{{0, 0, "-", true}, {chain.IterationsMax, 0, "ab", true}, {chain.IterationsMax + 1, 0, "ab", false}, {65535, 0, "-", false}, {0, 2, "-", false}, {0, 1, "-", true}} {
		salt := x.salt
		if salt == "-" {
			salt = ""
		}
		own := dns.HashName("www.example.", dns.SHA1, uint16(x.iterations), salt)
		n := record(t, fmt.Sprintf("%s.example. 3600 IN NSEC3 1 %d %d %s %s A", own, x.flags, x.iterations, x.salt, dns.HashName("zzz.example.", dns.SHA1, 0, "")))
		c := z.inExample(n)
		if r, err := c.Verify([]*dns.DS{z.key.ToDS(dns.SHA256)}, now); (err == nil) != x.taken || err != nil && !errors.Is(err, chain.ErrBogus) {
			t.Errorf("%+v: %+v, %v", x, r, err)
		}
	}
}

// inExample makes a denial of www.example. MX by a zone example. with the trap's
// key.
func (z *trap) inExample(n dns.RR) *chain.Chain {
	z.t.Helper()
	in := func(rrs ...dns.RR) chain.Set {
		sig := &dns.RRSIG{
			Hdr: dns.RR_Header{Ttl: 3600}, Algorithm: dns.ED25519, KeyTag: z.key.KeyTag(), SignerName: "example.", OrigTtl: 3600,
			Inception: uint32(now.Add(-time.Hour).Unix()), Expiration: uint32(now.Add(time.Hour).Unix()),
		}
		if err := sig.Sign(crypto.Signer(z.private), rrs); err != nil {
			z.t.Fatal(err)
		}
		return chain.Choose(rrs, sig)
	}
	key := dns.Copy(z.key).(*dns.DNSKEY)
	key.Hdr.Name = "example."
	return &chain.Chain{
		Name: "www.example.", Type: dns.TypeMX, Until: uint32(now.Add(time.Minute).Unix()),
		Answer: []chain.Set{in(record(z.t, "example. 3600 IN SOA ns.example. root.example. 1 7200 3600 1209600 600")), in(n)},
		Links:  []chain.Link{{Keys: in(key), DS: z.sign(key.ToDS(dns.SHA256))}, {Keys: z.sign(z.key)}},
	}
}
