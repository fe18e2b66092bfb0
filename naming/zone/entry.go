package zone

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/naming/record"
)

// Limits of a zone.
const (
	// EntryDataBytesMax bounds the text of one record's data: it fits no record
	// of the DHT if it is longer.
	EntryDataBytesMax = 16 << 10
	// TTLMax is the longest time to live, in seconds (RFC 2181 section 8).
	TTLMax = 1<<31 - 1
	// TTLDefault is that of records that say none, NegativeTTL that of denials.
	TTLDefault  = 300
	NegativeTTL = 60
)

// Apex is how an entry's owner is written that is the zone's own name.
const Apex = "@"

// ErrEntry is returned for what cannot stand in a zone.
var ErrEntry = errors.New("it cannot stand in a zone")

// Entry is one record as its owner wrote it. Names without a final dot are
// relative to the zone's name, whichever it is published under.
type Entry struct {
	Owner string // "@", or relative, in lower case
	TTL   uint32 // seconds
	Type  string // "A", "TXT", "TYPE65400"
	Data  string // in the form of master files
}

// probe is an origin that no name of a user's lies below, as long as a
// self-certifying one: what fits below it fits below each zone's own name.
const probe = "origin-as-long-as-a-self-certifying-name-of-some-zones.invalid."

// NewEntry returns an entry in its one form: owner in lower case, type and data
// as this package writes them. The error matches ErrEntry.
func NewEntry(owner string, ttl uint32, rtype, data string) (Entry, error) {
	e := Entry{Owner: strings.ToLower(owner), TTL: ttl, Type: strings.ToUpper(rtype), Data: data}
	if e.Owner == "" {
		e.Owner = Apex
	}
	if strings.HasSuffix(owner, ".") || len(data) > EntryDataBytesMax || strings.ContainsAny(data, "\r\n") || ttl > TTLMax {
		return e, fmt.Errorf("%w: the owner is not relative, or the data too long", ErrEntry)
	}
	rr, err := e.RR(probe)
	if err != nil {
		return e, err
	}
	if err := allowed(rr.Header().Rrtype); err != nil {
		return e, err
	}
	return fromRR(rr, probe)
}

// RR returns the record that an entry is at an origin.
func (e Entry) RR(origin string) (dns.RR, error) {
	owner, err := absolute(e.Owner, origin)
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("%s %d IN %s %s\n", owner, e.TTL, e.Type, e.Data)
	p := dns.NewZoneParser(strings.NewReader(text), origin, "")
	rr, _ := p.Next()
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("%w: %s %s %.80s: %w", ErrEntry, e.Owner, e.Type, e.Data, err)
	}
	if rr == nil {
		return nil, fmt.Errorf("%w: %s %s has no data", ErrEntry, e.Owner, e.Type)
	}
	if _, more := p.Next(); more {
		return nil, fmt.Errorf("%w: %s %s is more than one record", ErrEntry, e.Owner, e.Type)
	}
	if _, err := record.Data(rr); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	return rr, nil
}

// absolute returns a relative owner as a name below the origin.
func absolute(owner, origin string) (string, error) {
	name := owner + "." + origin
	switch {
	case owner == Apex || owner == "":
		name = origin
	case origin == ".":
		name = owner + "."
	}
	if _, ok := dns.IsDomainName(name); !ok {
		return "", fmt.Errorf("%w: %.80q is no name below %s", ErrEntry, owner, origin)
	}
	return name, nil
}

// relative returns a name as an owner relative to the origin, and whether it is
// one.
func relative(name, origin string) (string, bool) {
	name = strings.ToLower(name)
	if name == origin {
		return Apex, true
	}
	return strings.CutSuffix(name, "."+origin)
}

// namesInside are the types whose data holds names that may be relative.
var namesInside = []uint16{dns.TypeNS, dns.TypeCNAME, dns.TypeDNAME, dns.TypePTR, dns.TypeMX, dns.TypeSRV, dns.TypeRP,
	dns.TypeAFSDB, dns.TypeKX, dns.TypeNAPTR, dns.TypeSVCB, dns.TypeHTTPS, dns.TypeRT, dns.TypePX, dns.TypeTALINK}

// fromRR returns a record as an entry. Names in it that lie below the origin
// become relative.
func fromRR(rr dns.RR, origin string) (Entry, error) {
	h := rr.Header()
	owner, ok := relative(h.Name, origin)
	if !ok {
		return Entry{}, fmt.Errorf("%w: %s lies outside of %s", ErrEntry, h.Name, origin)
	}
	data := strings.TrimPrefix(rr.String(), h.String())
	if unknown, ok := rr.(*dns.RFC3597); ok {
		data = fmt.Sprintf(`\# %d %s`, len(unknown.Rdata)/2, unknown.Rdata)
	}
	if slices.Contains(namesInside, h.Rrtype) {
		data = relativeWords(data, origin)
	}
	return Entry{Owner: owner, TTL: h.Ttl, Type: dns.Type(h.Rrtype).String(), Data: data}, nil
}

func relativeWords(data, origin string) string {
	words := strings.Split(data, " ")
	for i, w := range words {
		if name, ok := relative(w, origin); ok && !strings.HasPrefix(w, `"`) {
			words[i] = name
		}
	}
	return strings.Join(words, " ")
}

// made are the types that publishing makes, and that nobody else may.
var made = []uint16{dns.TypeSOA, dns.TypeDNSKEY, dns.TypeRRSIG, dns.TypeNSEC, dns.TypeNSEC3, dns.TypeNSEC3PARAM, dns.TypeCDS, dns.TypeCDNSKEY}

// allowed reports why no zone may have records of a type.
func allowed(t uint16) error {
	switch {
	case slices.Contains(made, t):
		return fmt.Errorf("%w: %s records are made when the zone is published", ErrEntry, dns.Type(t))
	case t == 0 || t == dns.TypeOPT || t >= 128 && t <= 255 || t == record.TagType:
		return fmt.Errorf("%w: %s is no type of data", ErrEntry, dns.Type(t))
	}
	return nil
}
