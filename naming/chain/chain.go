package chain

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
)

// Format is the version of the format.
const Format = 1

// Limits of one answer; a record has at most wire.NameRecordBytesMax.
const (
	// SetsMax is the most record sets that answer: one, or the SOA record and
	// three that deny (RFC 5155 section 7.2).
	SetsMax = 4
	// ZonesMax is the most zones from the answer's to the anchor's.
	ZonesMax = 8
	// SetRecordsMax is the most records of one set.
	SetRecordsMax = 64
	// sameTagMax is the most keys of a zone with one tag and algorithm that a
	// signature is tried with: no honest zone has more than two.
	sameTagMax = 2
	// IterationsMax is the most extra iterations of an NSEC3 hash: RFC 9276 wants
	// none, and lets a validator take more than that for unsigned.
	IterationsMax = 50
	// TTLMin is the least time to live of an answer that is worth a record, in
	// seconds, and TTLMax the most that one is given for.
	TTLMin = 30
	TTLMax = 24 * 3600
)

var (
	// ErrChain is returned for bytes that are no such record.
	ErrChain = errors.New("no such answer")
	// ErrForeign is returned for a record under another's identifier.
	ErrForeign = errors.New("the answer belongs elsewhere")
	// ErrBogus is returned for an answer that its signatures do not prove.
	ErrBogus = errors.New("the answer is not proved")
	// ErrTime is returned for an answer that is not valid now.
	ErrTime = errors.New("the answer is not valid now")
)

// Set is one record set and the one signature that it is believed for.
type Set struct {
	RRs []dns.RR // ascending in canonical order, with the signed time to live
	Sig *dns.RRSIG
}

// Name returns the owner name of the records, canonical.
func (s *Set) Name() string { return dns.CanonicalName(s.RRs[0].Header().Name) }
func (s *Set) kind() uint16 { return s.RRs[0].Header().Rrtype }

// Link is a zone on the way: its keys, and what its parent says of them. The
// topmost zone has no DS: the anchor stands for it.
type Link struct {
	Keys Set
	DS   Set
}

// Zone returns the name of the link's zone.
func (l *Link) Zone() string { return l.Keys.Name() }

// Chain is the answer to one question, and its proof.
type Chain struct {
	Name  string // canonical
	Type  uint16
	Until uint32 // when the answer ends, in seconds since 1970
	// Answer holds one set, the wanted one or an alias, with what denies the name
	// itself if a wildcard stands for it; or what proves that there is none.
	Answer []Set
	Links  []Link // from the zone of the answer to that of the anchor
}

// form is the record in the DHT.
type form struct {
	_     struct{} `cbor:",toarray"`
	Kind  uint64   // Format
	Name  []byte   // in wire form
	Type  uint16
	Until uint32
	Proof []byte // records in wire form, as RFC 9102 has them
}

// ID returns the DHT's identifier of the answer to a question. The name is
// canonical.
func ID(name string, qtype uint16) (wire.RecordID, error) {
	b, err := naming.Pack(name)
	if err != nil {
		return wire.RecordID{}, err
	}
	return wire.RecordID(wire.Derive("atoll/v1/dns-chain", b, []byte{byte(qtype >> 8), byte(qtype)})), nil
}

// Fits reports whether answers to questions for a type can be held at all: those
// for keys, signatures and denials cannot, nor those that are about no one type.
func Fits(qtype uint16) bool {
	switch qtype {
	case dns.TypeDNSKEY, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeSIG, dns.TypeKEY, dns.TypeNXT:
		return false
	}
	return qtype > 0 && qtype != dns.TypeOPT && (qtype < 128 || qtype > 255)
}

// Encode returns the record's bytes. It fails for what Parse would refuse.
func (c *Chain) Encode() ([]byte, error) {
	name, err := naming.Pack(c.Name)
	if err != nil {
		return nil, err
	}
	f := form{Kind: Format, Name: name, Type: c.Type, Until: c.Until}
	for _, s := range c.sets() {
		if f.Proof, err = s.append(f.Proof); err != nil {
			return nil, err
		}
	}
	b := wire.Marshal(f)
	if _, err := Parse(b); err != nil {
		return nil, err
	}
	return b, nil
}

// sets returns all sets in the order in which they are written.
func (c *Chain) sets() (sets []*Set) {
	for i := range c.Answer {
		sets = append(sets, &c.Answer[i])
	}
	for i := range c.Links {
		sets = append(sets, &c.Links[i].Keys)
		if i+1 < len(c.Links) {
			sets = append(sets, &c.Links[i].DS)
		}
	}
	return sets
}

func (s *Set) append(b []byte) ([]byte, error) {
	for _, rr := range append(slices.Clone(s.RRs), dns.RR(s.Sig)) {
		w, err := pack(rr)
		if err != nil {
			return nil, err
		}
		b = append(b, w...)
	}
	return b, nil
}

// pack returns a record in wire form, uncompressed.
func pack(rr dns.RR) ([]byte, error) {
	b := make([]byte, dns.MaxMsgSize)
	n, err := dns.PackRR(rr, b, 0, nil, false)
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", rr.Header().Name, err)
	}
	return bytes.Clone(b[:n]), nil
}

// Parse parses a record and checks its form, and nothing of what it says.
func Parse(b []byte) (*Chain, error) {
	f := new(form)
	if err := wire.Unmarshal(b, f, wire.NameRecordBytesMax); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChain, err)
	}
	name, err := naming.Unpack(f.Name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChain, err)
	}
	if f.Kind != Format || !Fits(f.Type) {
		return nil, fmt.Errorf("%w: version %d, type %d", ErrChain, f.Kind, f.Type)
	}
	c := &Chain{Name: name, Type: f.Type, Until: f.Until}
	sets, err := parseSets(f.Proof)
	if err == nil {
		err = c.arrange(sets)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrChain, err)
	}
	return c, nil
}

// arrange tells the answer from the links: the keys of a zone begin those.
func (c *Chain) arrange(sets []Set) error {
	first := slices.IndexFunc(sets, func(s Set) bool { return s.kind() == dns.TypeDNSKEY })
	if first < 1 || first > SetsMax {
		return errors.New("it has no answer, or too much of it, or no keys")
	}
	c.Answer, sets = sets[:first:first], sets[first:]
	if len(sets)%2 == 0 || (len(sets)+1)/2 > ZonesMax {
		return errors.New("its zones do not fit each other")
	}
	for i := 0; i < len(sets); i += 2 {
		l := Link{Keys: sets[i]}
		if l.Keys.kind() != dns.TypeDNSKEY {
			return errors.New("its keys are not where they should be")
		}
		if i+1 < len(sets) {
			if l.DS = sets[i+1]; l.DS.kind() != dns.TypeDS || l.DS.Name() != l.Keys.Name() {
				return errors.New("its delegations are not where they should be")
			}
		}
		c.Links = append(c.Links, l)
	}
	return nil
}

// parseSets parses records into sets, each ended by its signature.
func parseSets(b []byte) (sets []Set, err error) {
	var s Set
	var last []byte
	for off := 0; off < len(b); {
		rr, next, err := parseRR(b, off)
		if err != nil {
			return nil, err
		}
		w := b[off:next]
		off = next
		if sig, ok := rr.(*dns.RRSIG); ok {
			if s.Sig = sig; !s.formed() {
				return nil, errors.New("a set and its signature do not fit")
			}
			sets, s, last = append(sets, s), Set{}, nil
			continue
		}
		if len(s.RRs) == SetRecordsMax || last != nil && bytes.Compare(last, w) >= 0 {
			return nil, errors.New("a set is not in order, or too large")
		}
		s.RRs, last = append(s.RRs, rr), w
	}
	if len(s.RRs) > 0 {
		return nil, errors.New("its last set is not signed")
	}
	return sets, nil
}

// parseRR parses a record that is in the one form that it can have here.
func parseRR(b []byte, off int) (dns.RR, int, error) {
	rr, next, err := dns.UnpackRR(b, off)
	if err != nil {
		return nil, 0, err
	}
	again, err := pack(rr)
	if err != nil || !bytes.Equal(again, b[off:next]) {
		return nil, 0, errors.New("a record is not in its one form")
	}
	if h := rr.Header(); h.Class != dns.ClassINET || h.Name != dns.CanonicalName(h.Name) {
		return nil, 0, errors.New("a record of another class, or with capital letters")
	}
	return rr, next, nil
}

// formed reports whether the records are one set and the signature covers it.
func (s *Set) formed() bool {
	if len(s.RRs) == 0 || !dns.IsRRset(s.RRs) {
		return false
	}
	h, sh := s.RRs[0].Header(), s.Sig.Hdr
	if sh.Name != h.Name || s.Sig.TypeCovered != h.Rrtype || sh.Ttl != s.Sig.OrigTtl || !dns.IsSubDomain(s.Sig.SignerName, h.Name) {
		return false
	}
	return !slices.ContainsFunc(s.RRs, func(rr dns.RR) bool { return rr.Header().Ttl != s.Sig.OrigTtl })
}

// Choose makes a set of records and one of the signatures that it came with, in
// the one form that sets have here.
func Choose(rrs []dns.RR, sig *dns.RRSIG) Set {
	s := Set{Sig: dns.Copy(sig).(*dns.RRSIG)}
	s.Sig.Hdr.Name, s.Sig.Hdr.Ttl = dns.CanonicalName(sig.Hdr.Name), sig.OrigTtl
	s.Sig.SignerName = dns.CanonicalName(sig.SignerName)
	type keyed struct {
		rr dns.RR
		w  []byte
	}
	var in []keyed
	for _, rr := range rrs {
		rr = dns.Copy(rr)
		rr.Header().Name, rr.Header().Ttl = dns.CanonicalName(rr.Header().Name), sig.OrigTtl
		if w, err := pack(rr); err == nil {
			in = append(in, keyed{rr, w})
		}
	}
	slices.SortFunc(in, func(a, b keyed) int { return bytes.Compare(a.w, b.w) })
	in = slices.CompactFunc(in, func(a, b keyed) bool { return bytes.Equal(a.w, b.w) })
	for _, k := range in {
		s.RRs = append(s.RRs, k.rr)
	}
	return s
}

// String names the question.
func (c *Chain) String() string { return strings.ToLower(c.Name) + " " + dns.Type(c.Type).String() }
