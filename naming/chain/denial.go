package chain

import (
	"bytes"
	"slices"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/naming"
)

// denial is what NSEC records (RFC 4034 section 4) or NSEC3 records (RFC 5155)
// prove together. One of the two lists is empty.
type denial struct {
	zone   string
	plain  []*dns.NSEC
	hashed []*dns.NSEC3
}

// types returns the types that a name has, if a record says so.
func (d denial) types(name string) ([]uint16, bool) {
	for _, n := range d.plain {
		if dns.CanonicalName(n.Hdr.Name) == name {
			return n.TypeBitMap, true
		}
	}
	for _, n := range d.hashed {
		if n.Match(name) {
			return n.TypeBitMap, true
		}
	}
	return nil, false
}

// absent reports whether a record proves that there is neither the name nor one
// below it. One that may hide unsigned delegations (opt-out) proves nothing, and
// one of a delegation, or of a DNAME, nothing of what is below.
func (d denial) absent(name string) bool {
	for _, n := range d.plain {
		owner := dns.CanonicalName(n.Hdr.Name)
		next := dns.CanonicalName(n.NextDomain)
		if dns.IsSubDomain(name, next) || dns.IsSubDomain(owner, name) && elsewhere(n.TypeBitMap) {
			continue
		}
		if between(owner, name, next, d.zone) {
			return true
		}
	}
	for _, n := range d.hashed {
		if n.Flags&1 == 0 && !n.Match(name) && n.Cover(name) {
			return true
		}
	}
	return false
}

// elsewhere reports whether what is below a name lies in another zone, or is
// another name.
func elsewhere(types []uint16) bool {
	return slices.Contains(types, dns.TypeDNAME) || slices.Contains(types, dns.TypeNS) && !slices.Contains(types, dns.TypeSOA)
}

// none reports whether it is proved that a name, or the wildcard that stands for
// it, has no records of a type.
func (d denial) none(name string, qtype uint16) bool {
	if types, ok := d.types(name); ok {
		return lacks(types, qtype)
	}
	for _, n := range d.plain { // an empty non-terminal: there is only what is below it
		next := dns.CanonicalName(n.NextDomain)
		if dns.IsSubDomain(name, next) && name != next && between(dns.CanonicalName(n.Hdr.Name), name, next, d.zone) {
			return !(dns.IsSubDomain(dns.CanonicalName(n.Hdr.Name), name) && elsewhere(n.TypeBitMap))
		}
	}
	encloser, ok := d.encloser(name)
	if !ok {
		return false
	}
	types, ok := d.types(star(encloser))
	return ok && lacks(types, qtype)
}

// nobody reports whether it is proved that there is no such name, and no wildcard
// that stands for it.
func (d denial) nobody(name string) bool {
	encloser, ok := d.encloser(name)
	return ok && d.absent(star(encloser))
}

// lacks reports whether types, which are the zone's own to tell, lack one.
func lacks(types []uint16, qtype uint16) bool {
	if slices.Contains(types, qtype) || slices.Contains(types, dns.TypeCNAME) {
		return false
	}
	delegation := slices.Contains(types, dns.TypeNS) && !slices.Contains(types, dns.TypeSOA)
	return delegation == (qtype == dns.TypeDS) || qtype == dns.TypeDS && !slices.Contains(types, dns.TypeSOA)
}

// encloser returns the closest name above one that exists, where it is proved that
// the next name below it does not.
func (d denial) encloser(name string) (string, bool) {
	for n := dns.CountLabel(name) - 1; n >= dns.CountLabel(d.zone); n-- {
		above, closer := suffix(name, n), suffix(name, n+1)
		if len(d.hashed) > 0 {
			if types, ok := d.types(above); ok {
				return above, !elsewhere(types) && d.absent(closer)
			}
			continue
		}
		if d.plainExists(above) {
			return above, d.absent(closer)
		}
	}
	return "", false
}

// plainExists reports whether NSEC records show a name, or one below it.
func (d denial) plainExists(name string) bool {
	return name == d.zone || slices.ContainsFunc(d.plain, func(n *dns.NSEC) bool {
		return dns.IsSubDomain(name, dns.CanonicalName(n.Hdr.Name)) || dns.IsSubDomain(name, dns.CanonicalName(n.NextDomain))
	})
}

// star returns the wildcard of a name.
func star(name string) string {
	if name == "." {
		return "*."
	}
	return "*." + name
}

// between reports whether a name lies between two of a zone in the canonical order
// (RFC 4034 section 6.1); the last one's next is the zone's own.
func between(owner, name, next, zone string) bool {
	if !dns.IsSubDomain(zone, owner) || !dns.IsSubDomain(zone, next) || !dns.IsSubDomain(zone, name) {
		return false
	}
	return order(owner, name) < 0 && (next == zone || order(name, next) < 0)
}

// order compares names label by label from the last.
func order(a, b string) int {
	x, y := labels(a), labels(b)
	for i := 0; i < min(len(x), len(y)); i++ {
		if c := bytes.Compare(x[i], y[i]); c != 0 {
			return c
		}
	}
	return len(x) - len(y)
}

// labels returns the labels of a name in wire form, the last one first.
func labels(name string) (list [][]byte) {
	b, err := naming.Pack(name)
	if err != nil {
		return nil
	}
	for len(b) > 0 && b[0] != 0 {
		list = append(list, b[1:1+b[0]])
		b = b[1+b[0]:]
	}
	slices.Reverse(list)
	return list
}
