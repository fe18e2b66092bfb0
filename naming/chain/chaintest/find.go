package chaintest

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/naming"
)

type found struct {
	rcode             int
	answer, authority []dns.RR
}

// find answers for a name of the zone.
func (z *zone) find(name string, qtype uint16, now time.Time) (f found) {
	types, exists := z.sets[name]
	as := name
	if !exists && !z.hasBelow(name) {
		star := "*." + z.encloser(name)
		if types, exists = z.sets[star]; exists {
			f.authority = z.deny(z.closer(name), now)
		}
	}
	if exists {
		for _, t := range []uint16{qtype, dns.TypeCNAME} {
			if rrs := types[t]; len(rrs) > 0 {
				f.answer = z.sign(rrs, as, now)
				return f
			}
		}
	}
	f.authority = z.sign(z.sets[z.name][dns.TypeSOA], z.name, now)
	if z.hasBelow(name) {
		f.authority = append(f.authority, z.deny(name, now)...)
		return f
	}
	if !exists {
		f.rcode = dns.RcodeNameError
	}
	f.authority = unique(append(f.authority, z.denyAll(name, now)...))
	return f
}

func (z *zone) hasBelow(name string) bool {
	for n := range z.sets {
		if dns.IsSubDomain(name, n) {
			return true
		}
	}
	return false
}

// encloser returns the closest name above one that there is.
func (z *zone) encloser(name string) string {
	for at, end := dns.NextLabel(name, 0); !end; at, end = dns.NextLabel(name, at) {
		if z.hasBelow(name[at:]) {
			return name[at:]
		}
	}
	return z.name
}

// closer returns the name below the closest encloser on the way to a name.
func (z *zone) closer(name string) string {
	at, below := 0, dns.CountLabel(name)-dns.CountLabel(z.encloser(name))
	for range below - 1 {
		at, _ = dns.NextLabel(name, at)
	}
	return name[at:]
}

// denyAll proves that there is neither a name nor a wildcard for it.
func (z *zone) denyAll(name string, now time.Time) []dns.RR {
	e := z.encloser(name)
	out := append(z.deny(z.closer(name), now), z.deny(join("*", e), now)...)
	if z.hashed {
		out = append(out, z.deny(e, now)...)
	}
	return out
}

func join(label, name string) string {
	if name == "." {
		return label + "."
	}
	return label + "." + name
}

// deny returns the record that matches or covers a name.
func (z *zone) deny(name string, now time.Time) []dns.RR {
	switch {
	case z.unsigned:
		return nil
	case z.hashed:
		return z.denyHashed(name, now)
	}
	var names []string
	for n := range z.sets {
		names = append(names, n)
	}
	slices.SortFunc(names, compare)
	i, exact := slices.BinarySearchFunc(names, name, compare)
	if !exact {
		i = (i - 1 + len(names)) % len(names)
	}
	n := &dns.NSEC{
		Hdr:        dns.RR_Header{Name: names[i], Rrtype: dns.TypeNSEC, Class: dns.ClassINET, Ttl: 600},
		NextDomain: names[(i+1)%len(names)], TypeBitMap: z.types(names[i], dns.TypeRRSIG, dns.TypeNSEC),
	}
	return z.sign([]dns.RR{n}, names[i], now)
}

func (z *zone) denyHashed(name string, now time.Time) []dns.RR {
	in := map[string]string{} // hash to name, empty non-terminals too
	for n := range z.sets {
		for ; dns.IsSubDomain(z.name, n); n = n[min(len(n), strings.IndexByte(n, '.')+1):] {
			in[dns.HashName(n, dns.SHA1, 0, "")] = n
		}
	}
	var hashes []string
	for h := range in {
		hashes = append(hashes, h)
	}
	slices.Sort(hashes)
	i, exact := slices.BinarySearch(hashes, dns.HashName(name, dns.SHA1, 0, ""))
	if !exact {
		i = (i - 1 + len(hashes)) % len(hashes)
	}
	owner := strings.ToLower(hashes[i]) + "." + z.name
	n := &dns.NSEC3{
		Hdr:  dns.RR_Header{Name: owner, Rrtype: dns.TypeNSEC3, Class: dns.ClassINET, Ttl: 600},
		Hash: dns.SHA1, HashLength: 20, NextDomain: hashes[(i+1)%len(hashes)], TypeBitMap: z.types(in[hashes[i]], dns.TypeRRSIG),
	}
	return z.sign([]dns.RR{n}, owner, now)
}

func (z *zone) types(name string, more ...uint16) []uint16 {
	var types []uint16
	for t := range z.sets[name] {
		types = append(types, t)
	}
	if len(types) > 0 {
		types = append(types, more...)
	}
	slices.Sort(types)
	return types
}

// compare is the canonical order of names.
func compare(a, b string) int {
	x, y := reversed(a), reversed(b)
	return slices.CompareFunc(x, y, bytes.Compare)
}

func reversed(name string) (labels [][]byte) {
	b, err := naming.Pack(name)
	if err != nil {
		panic(err)
	}
	for len(b) > 1 {
		labels = append(labels, b[1:1+b[0]])
		b = b[1+b[0]:]
	}
	slices.Reverse(labels)
	return labels
}

func unique(rrs []dns.RR) (out []dns.RR) {
	seen := map[string]bool{}
	for _, rr := range rrs {
		h := rr.Header()
		key := h.Name + dns.Type(h.Rrtype).String()
		if sig, ok := rr.(*dns.RRSIG); ok {
			key += dns.Type(sig.TypeCovered).String()
		}
		if !seen[key] {
			seen[key] = true
			out = append(out, rr)
		}
	}
	return out
}
