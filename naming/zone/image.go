package zone

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
	"github.com/atollnet/atoll/naming/record"
)

// Copy is a zone at one origin, under one key.
type Copy struct {
	Origin string           // canonical
	Key    wire.PublicKey   // signs this copy
	Others []wire.PublicKey // further keys of the zone, told in its DNSKEY set
	// Label, if not empty, stands for the zone's own name below it.
	Label string
}

// image is a zone's record sets at one origin: complete, unsigned.
type image struct {
	Copy
	names map[string]map[uint16][]dns.RR // by owner, in text form; and by type
	wires map[string][]byte              // the owners' wire forms
}

// Check reports why entries cannot be published together.
func Check(entries []Entry) error {
	_, err := newImage(Copy{Origin: probe}, entries, 1)
	return err
}

func newImage(c Copy, entries []Entry, serial uint64) (*image, error) {
	m := &image{Copy: c, names: map[string]map[uint16][]dns.RR{}, wires: map[string][]byte{}}
	for _, e := range entries {
		rr, err := e.RR(c.Origin)
		if err != nil {
			return nil, err
		}
		if err := m.add(rr); err != nil {
			return nil, err
		}
	}
	if err := m.addApex(serial); err != nil {
		return nil, err
	}
	if err := m.addLabel(); err != nil {
		return nil, err
	}
	for _, owner := range slices.Sorted(maps.Keys(m.names)) {
		if err := m.fits(owner); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *image) add(rr dns.RR) error {
	h := rr.Header()
	packed, err := naming.Pack(h.Name)
	if err != nil {
		return err
	}
	owner, err := naming.Unpack(packed)
	if err != nil {
		return err
	}
	sets := m.names[owner]
	if sets == nil {
		sets = map[uint16][]dns.RR{}
		m.names[owner], m.wires[owner] = sets, packed
	}
	h.Name = owner
	// All records of a set have one time to live (RFC 2181 section 5.2): the
	// shortest.
	for _, other := range sets[h.Rrtype] {
		h.Ttl = min(h.Ttl, other.Header().Ttl)
	}
	for _, other := range sets[h.Rrtype] {
		other.Header().Ttl = h.Ttl
	}
	sets[h.Rrtype] = append(sets[h.Rrtype], rr)
	return nil
}

// addApex adds what every zone has.
func (m *image) addApex(serial uint64) error {
	h := func(t uint16, ttl uint32) dns.RR_Header {
		return dns.RR_Header{Name: m.Origin, Rrtype: t, Class: dns.ClassINET, Ttl: ttl}
	}
	// The zone has no servers: whoever has its records answers. Its name stands
	// where DNS wants one.
	all := []dns.RR{
		&dns.SOA{Hdr: h(dns.TypeSOA, naming.KeyTTL), Ns: m.Origin, Mbox: mailbox(m.Origin), Serial: uint32(serial),
			Refresh: 3600, Retry: 600, Expire: uint32(Validity.Seconds()), Minttl: NegativeTTL},
		&dns.NSEC3PARAM{Hdr: h(dns.TypeNSEC3PARAM, 0), Hash: dns.SHA1, Salt: ""},
	}
	if len(m.names[m.Origin][dns.TypeNS]) == 0 {
		all = append(all, &dns.NS{Hdr: h(dns.TypeNS, naming.KeyTTL), Ns: m.Origin})
	}
	for _, key := range append([]wire.PublicKey{m.Key}, m.Others...) {
		all = append(all, naming.DNSKEY(m.Origin, key))
	}
	for _, rr := range all {
		if err := m.add(rr); err != nil {
			return err
		}
	}
	return nil
}

func mailbox(origin string) string {
	if name := "hostmaster." + origin; len(name) < 250 {
		return name
	}
	return "."
}

// addLabel makes the zone's label another name of the zone, so that
// www.photos.KEY.atoll.alt is www.KEY.atoll.alt, unless its owner uses that
// label for something else.
func (m *image) addLabel() error {
	if m.Label == "" {
		return nil
	}
	owner, err := absolute(m.Label, m.Origin)
	if err != nil {
		return err
	}
	for name := range m.names {
		if name == owner || dns.IsSubDomain(owner, name) {
			return nil
		}
	}
	return m.add(&dns.DNAME{Hdr: dns.RR_Header{Name: owner, Rrtype: dns.TypeDNAME, Class: dns.ClassINET, Ttl: naming.KeyTTL}, Target: m.Origin})
}

// fits reports why the records of a name cannot stand together, or where they
// stand.
func (m *image) fits(owner string) error {
	sets := m.names[owner]
	if len(sets) > record.SetsMax {
		return fmt.Errorf("%w: %s has %d types of records, at most %d are allowed", ErrEntry, owner, len(sets), record.SetsMax)
	}
	if n := len(sets[dns.TypeCNAME]); n > 1 || n == 1 && len(sets) > 1 {
		return fmt.Errorf("%w: %s has a CNAME beside other records", ErrEntry, owner)
	}
	if len(sets[dns.TypeDNAME]) > 1 {
		return fmt.Errorf("%w: %s has several DNAMEs", ErrEntry, owner)
	}
	if delegates(sets, owner == m.Origin) && (len(sets[dns.TypeDS]) == 0 || len(sets) > 2) {
		return fmt.Errorf("%w: %s is delegated, which takes NS and DS records and nothing else", ErrEntry, owner)
	}
	if len(sets[dns.TypeDS]) > 0 && len(sets[dns.TypeNS]) == 0 {
		return fmt.Errorf("%w: %s has a DS without NS", ErrEntry, owner)
	}
	for above := range m.ancestors(owner) {
		over := m.names[above]
		if delegates(over, above == m.Origin) || len(over[dns.TypeDNAME]) > 0 {
			return fmt.Errorf("%w: %s lies below %s, which is another zone's", ErrEntry, owner, above)
		}
	}
	return nil
}

func delegates(sets map[uint16][]dns.RR, apex bool) bool { return !apex && len(sets[dns.TypeNS]) > 0 }

// ancestors calls for the names above owner, the nearest first, down to the
// origin.
func (m *image) ancestors(owner string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for owner != m.Origin {
			i, end := dns.NextLabel(owner, 0)
			if end {
				if owner = "."; m.Origin != "." {
					return
				}
			} else {
				owner = owner[i:]
			}
			if !yield(owner) {
				return
			}
		}
	}
}

// sets returns the sets of a name as the DHT's records have them, unsigned.
func (m *image) sets(owner string) ([]record.Set, error) {
	var all []record.Set
	for _, t := range slices.Sorted(maps.Keys(m.names[owner])) {
		rrs := m.names[owner][t]
		s := record.Set{Type: t, TTL: rrs[0].Header().Ttl}
		for _, rr := range rrs {
			data, err := record.Data(rr)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrEntry, err)
			}
			s.Data = append(s.Data, data)
		}
		slices.SortFunc(s.Data, bytes.Compare)
		s.Data = slices.CompactFunc(s.Data, bytes.Equal)
		if len(s.Data) > record.SetRecordsMax {
			return nil, fmt.Errorf("%w: %s has %d records of type %s, at most %d are allowed", ErrEntry, owner, len(s.Data), dns.Type(t), record.SetRecordsMax)
		}
		all = append(all, s)
	}
	return all, nil
}

// types returns the type bitmap of a name, in wire form.
func (m *image) types(owner string) ([]byte, error) {
	sets := m.names[owner]
	if len(sets) == 0 {
		return nil, nil
	}
	list := append(slices.Sorted(maps.Keys(sets)), dns.TypeRRSIG)
	slices.Sort(list)
	n := &dns.NSEC3{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeNSEC3, Class: dns.ClassINET},
		Hash: dns.SHA1, HashLength: 20, NextDomain: strings.Repeat("0", 32), TypeBitMap: list}
	data, err := record.Data(n)
	if err != nil {
		return nil, err
	}
	return data[nsec3FixedBytes:], nil
}

// nsec3FixedBytes is what stands before the type bitmap in an NSEC3: algorithm,
// flags, iterations, the empty salt, and a hash of 20 bytes with its length.
const nsec3FixedBytes = 1 + 1 + 2 + 1 + 1 + 20
