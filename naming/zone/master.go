package zone

import (
	"fmt"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// EntriesMax bounds what one master file brings.
const EntriesMax = 1 << 20

// ParseMaster reads a master file (RFC 1035 section 5). Names without a final dot
// are relative to the zone, whatever its name is; so are those in full below the
// origin, or below the owner of the file's SOA. Records that publishing makes
// are left out. Nothing is included from other files.
func ParseMaster(text, origin string) ([]Entry, error) {
	p := dns.NewZoneParser(strings.NewReader(text), origin, "")
	p.SetDefaultTTL(TTLDefault)
	var rrs []dns.RR
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		if soa, ok := rr.(*dns.SOA); ok {
			origin = strings.ToLower(soa.Hdr.Name)
		}
		if rrs = append(rrs, rr); len(rrs) > EntriesMax {
			return nil, fmt.Errorf("%w: more than %d records", ErrEntry, EntriesMax)
		}
	}
	if err := p.Err(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEntry, err)
	}
	var all []Entry
	for _, rr := range rrs {
		if slices.Contains(made, rr.Header().Rrtype) {
			continue
		}
		e, err := fromRR(rr, origin)
		if err != nil {
			return nil, err
		}
		if e, err = NewEntry(e.Owner, e.TTL, e.Type, e.Data); err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

// WriteMaster writes entries as a master file.
func WriteMaster(origin string, entries []Entry) string {
	var b strings.Builder
	fmt.Fprintf(&b, "$ORIGIN %s\n$TTL %d\n", origin, TTLDefault)
	for _, e := range entries {
		fmt.Fprintf(&b, "%s %d IN %s %s\n", e.Owner, e.TTL, e.Type, e.Data)
	}
	return b.String()
}
