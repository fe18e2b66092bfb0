package zone

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
	"github.com/atollnet/atoll/naming/record"
)

func TestEntries(t *testing.T) {
	for _, c := range []struct {
		owner, rtype, data string
		want               string // "": it is refused
	}{
		{"www", "a", "192.0.2.7", "www A 192.0.2.7"},
		{"WWW", "A", "192.0.2.7", "www A 192.0.2.7"},
		{"", "MX", "10 mail", "@ MX 10 mail"},
		{"@", "MX", "10 mail.example.org.", "@ MX 10 mail.example.org."},
		{"*", "CNAME", "@", "* CNAME @"},
		{"a.b", "TXT", `"x y" "z"`, `a.b TXT "x y" "z"`},
		{"t", "TYPE65400", `\# 2 abcd`, `t TYPE65400 \# 2 abcd`},
		{strings.Repeat("x", 63), "A", "192.0.2.7", strings.Repeat("x", 63) + " A 192.0.2.7"},
		{strings.Repeat("x", 64), "A", "192.0.2.7", ""},
		{strings.Repeat("abc.", 63) + "x", "A", "192.0.2.7", ""},
		{"www.", "A", "192.0.2.7", ""},
		{"www", "A", "2001:db8::1", ""},
		{"www", "A", "192.0.2.7\nevil A 192.0.2.8", ""},
		{"www", "A", "", ""},
		{"www", "NOTYPE", "x", ""},
		{"www", "SOA", "a b 1 2 3 4 5", ""},
		{"www", "RRSIG", "A 15 2 300 20300101000000 20290101000000 1 test. AAAA", ""},
		{"www", "NSEC3PARAM", "1 0 0 -", ""},
		{"www", "TYPE24948", `\# 1 00`, ""}, // could be taken for a statement of Atoll's
		{"www", "ANY", "x", ""},
		{"www", "TXT", strings.Repeat(`"a" `, 5000), ""},
	} {
		e, err := NewEntry(c.owner, 300, c.rtype, c.data)
		got := ""
		if err == nil {
			got = e.Owner + " " + e.Type + " " + e.Data
			again, err := NewEntry(e.Owner, e.TTL, e.Type, e.Data)
			if err != nil || again != e {
				t.Errorf("%v is not in its one form: %v, %v", e, again, err)
			}
		}
		if got != c.want || err != nil && !errors.Is(err, ErrEntry) {
			t.Errorf("%.40q %s %.40q: %q, %v; want %q", c.owner, c.rtype, c.data, got, err, c.want)
		}
	}
}

// entries parses lines of owner, type and data.
func entries(t testing.TB, lines ...string) (all []Entry) {
	t.Helper()
	for _, line := range lines {
		f := strings.SplitN(line, " ", 3)
		e, err := NewEntry(f[0], 300, f[1], f[2])
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, e)
	}
	return all
}

const ds = "12345 15 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestWhatCannotStandTogether(t *testing.T) {
	for _, c := range []struct {
		ok    bool
		lines []string
	}{
		{true, []string{"www A 192.0.2.1", "www A 192.0.2.2", "www AAAA 2001:db8::1"}},
		{true, []string{"sub NS ns.example.", "sub DS " + ds}},
		{false, []string{"www A 192.0.2.1", "www CNAME other"}},
		{false, []string{"www CNAME one", "www CNAME two"}},
		{false, []string{"sub NS ns.example."}},
		{false, []string{"sub DS " + ds}},
		{false, []string{"sub NS ns.example.", "sub DS " + ds, "sub A 192.0.2.1"}},
		{false, []string{"sub NS ns.example.", "sub DS " + ds, "below.sub A 192.0.2.1"}},
		{false, []string{"d DNAME e", "below.d A 192.0.2.1"}},
		{false, []string{"@ CNAME other"}},
	} {
		if err := Check(entries(t, c.lines...)); (err == nil) != c.ok {
			t.Errorf("%q: %v", c.lines, err)
		}
	}
}

func TestTooMuchForOneRecord(t *testing.T) {
	key := wire.NewKey([32]byte{1})
	c := Copy{Origin: naming.SelfName(key.Public()), Key: key.Public()}
	var lines []string
	for i := range 100 {
		lines = append(lines, fmt.Sprintf("big TXT %q", strings.Repeat("x", 90)+fmt.Sprint(i)))
	}
	_, err := Cut(c, [32]byte{1}, entries(t, lines...), nil, 1, time.Unix(1_800_000_000, 0))
	if !errors.Is(err, ErrEntry) || !strings.Contains(err.Error(), "bytes") {
		t.Errorf("a name with 10 KB: %v", err)
	}
}

// The chain of denials is cut into pages: each page fits into a record, and each
// name's hash is in one.
func TestLargeZoneIsCutIntoPages(t *testing.T) {
	key := wire.NewKey([32]byte{1})
	c := Copy{Origin: naming.SelfName(key.Public()), Key: key.Public()}
	var lines []string
	for i := range 3000 {
		lines = append(lines, fmt.Sprintf("n%d A 192.0.2.1", i))
	}
	now := time.Unix(1_800_000_000, 0)
	s, err := Cut(c, [32]byte{1}, entries(t, lines...), nil, 1, now)
	if err != nil {
		t.Fatal(err)
	}
	links := map[[20]byte]bool{}
	pages := 0
	for _, r := range s.Changed {
		if r.Kind != wire.RecordDenial {
			continue
		}
		pages++
		d, err := record.ParseDenial(r.Value)
		if err != nil || len(r.Value) > wire.NameRecordBytesMax {
			t.Fatalf("%d bytes, %v", len(r.Value), err)
		}
		for i := range d.Links[1:] {
			links[d.Links[i+1].Hash] = true
		}
	}
	if pages < 3000/pageLinks || len(links) != 3001 {
		t.Errorf("%d pages with %d links", pages, len(links))
	}
}

func TestMasterFile(t *testing.T) {
	const text = `$ORIGIN example.org.
$TTL 600
@ IN SOA ns hostmaster 1 2 3 4 5
@ IN NS ns
www IN A 192.0.2.1
    IN AAAA 2001:db8::1
alias 60 IN CNAME www.example.org.
out IN CNAME www.example.net.
txt IN TXT "a;b" "c d"
*.wild IN MX 10 mail
`
	list, err := ParseMaster(text, "zone.test.")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range list {
		got = append(got, fmt.Sprintf("%s %d %s %s", e.Owner, e.TTL, e.Type, e.Data))
	}
	want := []string{"@ 600 NS ns", "www 600 A 192.0.2.1", "www 600 AAAA 2001:db8::1", "alias 60 CNAME www", "out 600 CNAME www.example.net.",
		`txt 600 TXT "a;b" "c d"`, "*.wild 600 MX 10 mail"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	again, err := ParseMaster(WriteMaster("other.test.", list), "other.test.")
	if err != nil || !slices.Equal(again, list) {
		t.Errorf("written and read again: %v, %v", again, err)
	}
	for _, bad := range []string{"$INCLUDE /etc/passwd\n", "www IN A\n", "www.example.net. IN A 192.0.2.1\n", "(\n", "www IN A 192.0.2.1 \"\n"} {
		if list, err := ParseMaster(bad, "zone.test."); err == nil {
			t.Errorf("%q gives %v", bad, list)
		}
	}
}

// What a master file brings is in its one form: written and read again it is
// the same.
func FuzzMaster(f *testing.F) {
	f.Add("@ IN NS ns\nwww 300 IN A 192.0.2.1\n")
	f.Add("a\\.b IN TXT \"\\000\\\"\" x\n* IN CNAME @\n")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 2000 || strings.Contains(strings.ToUpper(text), "$GENERATE") { // it makes 65,536 records of one line
			return
		}
		list, err := ParseMaster(text, "zone.test.")
		if err != nil {
			return
		}
		again, err := ParseMaster(WriteMaster("other.test.", list), "other.test.")
		if err != nil || !slices.Equal(again, list) {
			t.Errorf("%q\n gives %v\n then %v, %v", text, list, again, err)
		}
	})
}

// An owner that is accepted can be published under the zone's own name, which is
// long.
func TestOwnersFitBelowSelfCertifyingNames(t *testing.T) {
	origin := naming.SelfName(wire.PublicKey{1})
	if len(probe) != len(origin) {
		t.Fatalf("the probe has %d bytes, a zone's name %d", len(probe), len(origin))
	}
	label := strings.Repeat("a", 63)
	left := 255 - 1 - len(origin) - 2*64 // of wire form, for the first label and its length
	for bytes, fits := range map[int]bool{left - 1: true, left: false} {
		if bytes < 1 {
			t.Fatalf("a label of %d bytes", bytes)
		}
		owner := strings.Repeat("b", bytes) + "." + strings.Join([]string{label, label}, ".")
		e, err := NewEntry(owner, 300, "A", "192.0.2.1")
		if (err == nil) != fits {
			t.Errorf("a first label of %d bytes: %v", bytes, err)
		}
		if err == nil {
			_, err = e.RR(origin)
		}
		if fits && err != nil {
			t.Error(err)
		}
	}
}
