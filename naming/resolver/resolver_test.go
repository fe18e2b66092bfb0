package resolver

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"github.com/atollnet/atoll/naming"
	"github.com/atollnet/atoll/naming/zone"
)

// brief writes an answer in one line: the code, and the records without
// signatures.
func brief(a Answer) string {
	parts := []string{dns.RcodeToString[a.Rcode]}
	if a.Secure {
		parts = append(parts, "secure")
	}
	if a.Stale {
		parts = append(parts, "stale")
	}
	for _, rr := range a.Answer {
		if rr.Header().Rrtype != dns.TypeRRSIG {
			parts = append(parts, strings.Join(strings.Fields(strings.TrimPrefix(rr.String(), rr.Header().Name)), " "))
		}
	}
	n := 0
	for _, rr := range a.Authority {
		if rr.Header().Rrtype == dns.TypeNSEC3 {
			n++
		}
	}
	if n > 0 {
		parts = append(parts, fmt.Sprintf("%d NSEC3", n))
	}
	if a.Extra != nil {
		parts = append(parts, fmt.Sprintf("EDE %d", a.Extra.Code))
	}
	return strings.Join(parts, "; ")
}

func TestAnswers(t *testing.T) {
	w := newWorld(t)
	root, child := w.zone(1, "test."), w.zone(2, "photos.test.")
	self := w.zone(3, "")
	self.label = "pics"
	w.roots = []Root{{Suffix: "test.", Digests: []naming.Digest{root.digest()}}}
	root.delegate("photos", child)
	root.set("a.b.c", "A", "192.0.2.1")
	root.set("*.wild", "TXT", `"any"`)
	root.set("alias", "CNAME", "www.photos")
	root.set("loop", "CNAME", "pool")
	longest := strings.Repeat(strings.Repeat("l", 63)+".", 3) + strings.Repeat("m", 51) // 255 bytes with "wild.test."
	root.set("pool", "CNAME", "loop")
	root.set("dn", "DNAME", "photos")
	for _, z := range []*authority{child, self} {
		z.set("@", "A", "192.0.2.8")
		z.set("www", "A", "192.0.2.7")
		z.set("www", "A", "192.0.2.6")
		z.set("bücher", "TXT", `"a \"b\" c"`)
		z.set(strings.Repeat("x", 63), "A", "192.0.2.63")
		z.set(`bin\000\255\.ary`, "A", "192.0.2.64")
		z.set("new", "TYPE65400", `\# 3 010203`)
	}
	for _, z := range []*authority{root, child, self} {
		z.publish()
	}
	r := w.resolver()
	k := self.origin
	for _, c := range []struct {
		name  string
		qtype uint16
		want  string
	}{
		{"www.photos.test.", dns.TypeA, "NOERROR; secure; 300 IN A 192.0.2.6; 300 IN A 192.0.2.7"},
		{"WWW.Photos.TEST", dns.TypeA, "NOERROR; secure; 300 IN A 192.0.2.6; 300 IN A 192.0.2.7"},
		{"www.photos.test.", dns.TypeAAAA, "NOERROR; secure; 1 NSEC3"},
		{"no.photos.test.", dns.TypeA, "NXDOMAIN; secure; 3 NSEC3"},
		{"b.c.test.", dns.TypeA, "NOERROR; secure; 1 NSEC3"},
		{"c.test.", dns.TypeA, "NOERROR; secure; 1 NSEC3"},
		{"a.b.c.test.", dns.TypeA, "NOERROR; secure; 300 IN A 192.0.2.1"},
		{"x.b.c.test.", dns.TypeA, "NXDOMAIN; secure; 3 NSEC3"},
		{"x.y.wild.test.", dns.TypeTXT, `NOERROR; secure; 300 IN TXT "any"; 1 NSEC3`},
		{"x.y.wild.test.", dns.TypeA, "NOERROR; secure; 3 NSEC3"},
		{"alias.test.", dns.TypeA, "NOERROR; secure; 300 IN CNAME www.photos.test.; 300 IN A 192.0.2.6; 300 IN A 192.0.2.7"},
		{"alias.test.", dns.TypeCNAME, "NOERROR; secure; 300 IN CNAME www.photos.test."},
		{"loop.test.", dns.TypeA, "SERVFAIL; EDE 0"},
		{"www.dn.test.", dns.TypeA, "NOERROR; secure; 300 IN DNAME photos.test.; 300 IN CNAME www.photos.test.; 300 IN A 192.0.2.6; 300 IN A 192.0.2.7"},
		{"photos.test.", dns.TypeA, "NOERROR; secure; 300 IN A 192.0.2.8"},
		{"photos.test.", dns.TypeNS, "NOERROR; secure; 3600 IN NS photos.test."},
		{"www." + k, dns.TypeA, "NOERROR; secure; 300 IN A 192.0.2.6; 300 IN A 192.0.2.7"},
		{"www.pics." + k, dns.TypeA, "NOERROR; secure; 3600 IN DNAME " + k + "; 3600 IN CNAME www." + k + "; 300 IN A 192.0.2.6; 300 IN A 192.0.2.7"},
		{"bücher." + k, dns.TypeTXT, `NOERROR; secure; 300 IN TXT "a \"b\" c"`},
		{strings.Repeat("x", 63) + "." + k, dns.TypeA, "NOERROR; secure; 300 IN A 192.0.2.63"},
		{strings.Repeat("x", 64) + "." + k, dns.TypeA, "FORMERR"},
		{`bin\000\255\.ary.` + k, dns.TypeA, "NOERROR; secure; 300 IN A 192.0.2.64"},
		{longest + ".wild.test.", dns.TypeTXT, `NOERROR; secure; 300 IN TXT "any"; 1 NSEC3`},
		{longest + ".gone.test.", dns.TypeTXT, "NXDOMAIN; secure; 3 NSEC3"},
		{longest + "m.wild.test.", dns.TypeTXT, "FORMERR"},
		{"new." + k, 65400, `NOERROR; secure; 300 CLASS1 TYPE65400 \# 3 010203`},
		{k, dns.TypeDS, "NOERROR; secure; 3600 IN DS "},
		{"atoll.alt.", dns.TypeDNSKEY, "NOERROR; secure; 3600 IN DNSKEY 257 3 15 "},
		{"atoll.alt.", dns.TypeA, "NOERROR; secure; 1 NSEC3"},
		{"nokey.atoll.alt.", dns.TypeA, "NXDOMAIN; secure; 3 NSEC3"},
		{"example.com.", dns.TypeA, "REFUSED; EDE 20"},
		{"example.alt.", dns.TypeA, "NXDOMAIN"},
		{"localhost.", dns.TypeA, "NOERROR; 3600 IN A 127.0.0.1"},
		{strings.Repeat("aaaaaaa.", 40) + "test.", dns.TypeA, "FORMERR"},
	} {
		a := r.Resolve(t.Context(), c.name, c.qtype)
		if got := brief(a); !strings.HasPrefix(got, c.want) || len(got) > len(c.want)+80 {
			t.Errorf("%s %s\n got %s\nwant %s", c.name, dns.Type(c.qtype), got, c.want)
		}
	}
}

func TestCutChangesOnlyWhatChanged(t *testing.T) {
	w := newWorld(t)
	z := w.zone(1, "")
	for i := range 1000 {
		z.set(fmt.Sprintf("n%d", i), "A", "192.0.2.1")
	}
	first := z.publish()
	if first < 1000 {
		t.Fatalf("%d records", first)
	}
	if n := z.publish(); n != 1 { // the serial number in the SOA
		t.Errorf("nothing changed, and %d records did", n)
	}
	z.set("n5", "A", "192.0.2.2")
	if n := z.publish(); n != 2 {
		t.Errorf("an address more changes %d records, want 2", n)
	}
	z.set("added", "A", "192.0.2.2")
	if n := z.publish(); n < 4 || n > 6 {
		t.Errorf("a name more changes %d records", n)
	}
	z.entries = z.entries[:len(z.entries)-1]
	if n := z.publish(); n < 4 || n > 6 {
		t.Errorf("a name less changes %d records", n)
	}
	r := w.resolver()
	if got := brief(r.Resolve(t.Context(), "added."+z.origin, dns.TypeA)); got != "NXDOMAIN; secure; 3 NSEC3" {
		t.Error(got)
	}
	w.pass(zone.Renew + time.Hour)
	if n := z.publish(); n < first {
		t.Errorf("%d of %d records renewed", n, first)
	}
}

// Many names of a zone are kept up to date by one lookup of the zone's own record,
// not by one for each.
func TestOneLookupConfirmsAZone(t *testing.T) {
	w, root := rooted(t)
	const names = 100
	for i := range names {
		root.set(fmt.Sprintf("h%d", i), "A", "192.0.2.1")
	}
	root.publish()
	r := w.resolver()
	refresh := func() (lookups int) {
		before := w.questions()
		for i := range names {
			if got := brief(r.Refresh(t.Context(), fmt.Sprintf("h%d.test.", i), dns.TypeA)); got != good {
				t.Errorf("h%d: %s", i, got)
			}
		}
		return w.questions() - before
	}
	if n := refresh(); n < names {
		t.Errorf("%d lookups at first", n)
	}
	w.pass(refreshAge)
	if n := refresh(); n != 1 {
		t.Errorf("%d lookups while nothing changes", n)
	}
	// A change of one name has all looked up again, for nobody says which.
	root.entries[7].Data = "192.0.2.9"
	root.publish()
	w.pass(refreshAge)
	if got := brief(r.Refresh(t.Context(), "h7.test.", dns.TypeA)); !strings.HasSuffix(got, "192.0.2.9") {
		t.Errorf("after the change: %s", got)
	}
	root.entries[7].Data = "192.0.2.1"
	root.publish()
	w.pass(refreshAge)
	if n := refresh(); n != 1+names {
		t.Errorf("%d lookups after a change", n)
	}
	w.pass(refreshAge)
	if n := refresh(); n != 1 {
		t.Errorf("%d lookups when nothing changes any more", n)
	}
}

// What the zone's own record confirms is looked up itself now and then: the peers
// near that record are not the ones near this.
func TestConfirmedRecordsAreLookedUpNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, root := rooted(t)
		root.set("www", "A", "192.0.2.1")
		root.publish()
		r, id := w.resolver(), root.nameID("www.test.")
		for range 3 * int(recordAge/refreshAge) {
			w.ask(r, "www.test.")
			r.Refresh(t.Context(), "www.test.", dns.TypeA)
			synctest.Wait() // time passes between lookups in the background, not before them
			w.pass(refreshAge)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		if n := w.asked[id]; n != 3 {
			t.Errorf("%d lookups in %v", n, 3*recordAge)
		}
	})
}
