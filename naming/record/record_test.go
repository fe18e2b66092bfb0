package record_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
	"github.com/atollnet/atoll/naming/record"
	"github.com/atollnet/atoll/naming/zone"
)

var (
	seed = [32]byte{7}
	now  = time.Unix(1_800_000_000, 0)
)

// published returns the records of a zone with one name of each kind.
func published(t testing.TB) (origin string, all []zone.Record) {
	t.Helper()
	key := wire.NewKey(seed).Public()
	origin = naming.SelfName(key)
	var entries []zone.Entry
	for _, e := range [][3]string{
		{"www", "A", "192.0.2.7"}, {"www", "TXT", `"text"`}, {"a.b.c", "AAAA", "2001:db8::1"}, {"*", "MX", "10 www"},
	} {
		x, err := zone.NewEntry(e[0], 300, e[1], e[2])
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, x)
	}
	s, err := zone.Cut(zone.Copy{Origin: origin, Key: key}, seed, entries, nil, 5, now)
	if err != nil {
		t.Fatal(err)
	}
	return origin, s.Changed
}

func TestRecordsAreWhatTheyAreFoundUnder(t *testing.T) {
	_, all := published(t)
	if len(all) < 5 {
		t.Fatalf("%d records", len(all))
	}
	for _, r := range all {
		other := r.ID
		other[0] ^= 1
		for _, c := range []struct {
			what string
			kind wire.RecordKind
			id   wire.RecordID
			at   time.Time
			want error
		}{
			{"its own place", r.Kind, r.ID, now, nil},
			{"another place", r.Kind, other, now, record.ErrForeign},
			{"an unknown kind", "atoll-head", r.ID, now, record.ErrRecord},
			{"in 29 days", r.Kind, r.ID, now.AddDate(0, 0, 29), nil},
			{"in 31 days", r.Kind, r.ID, now.AddDate(0, 0, 31), record.ErrExpired},
			{"a day before", r.Kind, r.ID, now.AddDate(0, 0, -1), record.ErrEarly},
		} {
			if err := record.Check(c.kind, c.id, r.Value, c.at); !errors.Is(err, c.want) {
				t.Errorf("%s at %s: %v, want %v", r.Kind, c.what, err, c.want)
			}
		}
		serial, expires, err := record.Stamp(r.Kind, r.Value)
		if err != nil || serial != 5 || !expires.Equal(now.Add(zone.Validity)) {
			t.Errorf("stamp %d, %v, %v", serial, expires, err)
		}
	}
}

// Whatever byte of a record is changed, it is refused: by the form, by the
// signature over all of it, or because it belongs elsewhere then.
func TestEveryByteCounts(t *testing.T) {
	_, all := published(t)
	for _, r := range all {
		for i := range r.Value {
			b := bytes.Clone(r.Value)
			b[i] ^= 1 << (i % 8)
			if record.Check(r.Kind, r.ID, b, now) == nil {
				t.Fatalf("%s: byte %d of %d may be changed", r.Kind, i, len(b))
			}
		}
	}
}

// A record signed by another key belongs elsewhere, so nobody can put one in
// the place of a zone's.
func TestAnotherKeysRecordBelongsElsewhere(t *testing.T) {
	_, all := published(t)
	thief := wire.NewKey([32]byte{8})
	for _, r := range all {
		if r.Kind != wire.RecordName {
			continue
		}
		n, err := record.ParseName(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		forged := n.Sign(thief)
		if err := record.Check(r.Kind, r.ID, forged, now); err == nil {
			t.Error("a record signed by a key that it does not name")
		}
		n.Zone.Key = thief.Public()
		forged = n.Sign(thief)
		if err := record.Check(r.Kind, r.ID, forged, now); !errors.Is(err, record.ErrForeign) {
			t.Errorf("another zone's record: %v", err)
		}
	}
}

// The owner's signature does not stand for those in the record: clients check
// these, so the resolver does.
func TestSetsAreSignedThemselves(t *testing.T) {
	_, all := published(t)
	key := wire.NewKey(seed)
	for _, r := range all {
		if r.Kind != wire.RecordName {
			continue
		}
		n, err := record.ParseName(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.VerifySets(); err != nil {
			t.Errorf("as published: %v", err)
		}
		n.Sets[0].TTL++
		if _, err := record.ParseName(n.Sign(key)); err != nil {
			t.Fatal(err)
		}
		if err := n.VerifySets(); !errors.Is(err, record.ErrRecord) {
			t.Errorf("a set with a false signature: %v", err)
		}
		n.Sets[0].TTL--
		n.Link[0].Signature[3] ^= 1
		if err := n.VerifySets(); !errors.Is(err, record.ErrRecord) {
			t.Errorf("a link with a false signature: %v", err)
		}
	}
}

func TestRefusesWhatNoOwnerWrites(t *testing.T) {
	_, all := published(t)
	key := wire.NewKey(seed)
	for _, c := range []struct {
		what  string
		spoil func(*record.Name)
	}{
		{"another format", func(n *record.Name) { n.Kind = 2 }},
		{"an owner outside of the zone", func(n *record.Name) { n.Owner = []byte("\x03www\x00") }},
		{"an owner with capitals", func(n *record.Name) { n.Owner = bytes.ToUpper(n.Owner) }},
		{"an owner with a pointer", func(n *record.Name) { n.Owner = []byte{0xc0, 0} }},
		{"an owner of 256 bytes", func(n *record.Name) {
			n.Owner = append(bytes.Repeat([]byte("\x01a"), 128-len(n.Zone.Origin)/2), n.Zone.Origin...)
			n.Owner = append([]byte("\x3f"+strings.Repeat("a", 63)), n.Owner...)
		}},
		{"no link", func(n *record.Name) { n.Link = nil }},
		{"sets out of order", func(n *record.Name) { n.Sets[0], n.Sets[1] = n.Sets[1], n.Sets[0] }},
		{"an empty set", func(n *record.Name) { n.Sets[0].Data = nil }},
		{"one record twice", func(n *record.Name) { n.Sets[0].Data = append(n.Sets[0].Data, n.Sets[0].Data[0]) }},
		{"half a signature", func(n *record.Name) { n.Sets[0].Signature = n.Sets[0].Signature[:32] }},
		{"another name's link", func(n *record.Name) { n.Link[0].Hash[0] ^= 1 }},
		{"too many bits", func(n *record.Name) { n.Bits = record.BitsMax + 1 }},
		{"too many sets", func(n *record.Name) {
			for i := range record.SetsMax {
				s := n.Sets[0]
				s.Type = 1000 + uint16(i)
				n.Sets = append(n.Sets, s)
			}
		}},
		{"too many bytes", func(n *record.Name) { n.Sets[0].Data = [][]byte{make([]byte, wire.NameRecordBytesMax)} }},
		{"a large bitmap", func(n *record.Name) { n.Link[0].Types = make([]byte, record.TypesBytesMax+1) }},
		{"validity backwards", func(n *record.Name) { n.Zone.Inception = n.Zone.Expiration }},
	} {
		for _, r := range all {
			n, err := record.ParseName(r.Value)
			if err != nil || len(n.Sets) < 2 {
				continue
			}
			c.spoil(n)
			if _, err := record.ParseName(n.Sign(key)); !errors.Is(err, record.ErrRecord) {
				t.Errorf("%s: %v", c.what, err)
			}
		}
	}
}

func TestDenialFindsOrCovers(t *testing.T) {
	_, all := published(t)
	for _, r := range all {
		if r.Kind != wire.RecordDenial {
			continue
		}
		d, err := record.ParseDenial(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 256 {
			hash := d.Links[0].Hash
			hash[19] += byte(i)
			link, exists := d.Find(hash)
			if link == nil || exists != (i == 0) {
				t.Fatalf("hash %d: %v, %t", i, link, exists)
			}
		}
	}
}

func FuzzName(f *testing.F) {
	_, all := published(f)
	for _, r := range all {
		f.Add(r.Value)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := record.ParseName(b)
		if err != nil {
			return
		}
		if !bytes.Equal(wire.Marshal(n), b) {
			t.Errorf("%x parses and is not written so", b)
		}
		_ = n.VerifySets() // an error or not, and no panic
	})
}

func FuzzDenial(f *testing.F) {
	_, all := published(f)
	for _, r := range all {
		f.Add(r.Value)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := record.ParseDenial(b)
		if err != nil {
			return
		}
		if !bytes.Equal(wire.Marshal(d), b) {
			t.Errorf("%x parses and is not written so", b)
		}
		for i := range d.Links {
			_ = d.Zone.VerifyLink(&d.Links[i]) // an error or not, and no panic
		}
	})
}
