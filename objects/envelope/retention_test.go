package envelope

import (
	"bytes"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// Rules of retention are in the keyring; without any it is as it was before.
func TestRetentionIsKept(t *testing.T) {
	k := keyringOf(t, 1, "a", "b", "c")
	before := k.encode()
	weekly := Retention{Last: 3, Weekly: 8}
	if v, err := k.Retain("b", weekly); err != nil || v.Retention != weekly {
		t.Fatalf("%+v, %v", v, err)
	}
	got, err := parseKeyring(k.encode())
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range got.Volumes() {
		if want := map[string]Retention{"b": weekly}[v.Petname]; v.Retention != want {
			t.Errorf("%s: %+v, want %+v", v.Petname, v.Retention, want)
		}
	}
	if _, err := k.Retain("none", weekly); errs.KindOf(err) != errs.NotFound {
		t.Error(err)
	}
	if _, err := k.Retain("a", Retention{Last: RetentionMax + 1}); errs.KindOf(err) != errs.Usage {
		t.Error(err)
	}
	if _, err := k.Retain("b", Retention{}); err != nil || !bytes.Equal(k.encode(), before) {
		t.Errorf("taken back: %x, %v", k.encode(), err)
	}
}

func TestBadRetentionIsRefused(t *testing.T) {
	of := func(volume uint64, last uint64) retentionRecord {
		return retentionRecord{Volume: volume, Retention: Retention{Last: last}}
	}
	for name, r := range map[string]retainedRecord{
		"none":           {Format: keyringFormatRetained},
		"of no volume":   {Format: keyringFormatRetained, Retention: []retentionRecord{of(2, 1)}},
		"twice":          {Format: keyringFormatRetained, Retention: []retentionRecord{of(1, 1), of(1, 2)}},
		"out of order":   {Format: keyringFormatRetained, Retention: []retentionRecord{of(1, 1), of(0, 1)}},
		"that is empty":  {Format: keyringFormatRetained, Retention: []retentionRecord{of(0, 0)}},
		"too large":      {Format: keyringFormatRetained, Retention: []retentionRecord{of(0, RetentionMax+1)}},
		"another format": {Format: 3, Retention: []retentionRecord{of(0, 1)}},
	} {
		r.Volumes = []volumeRecord{{Petname: "a"}, {Petname: "b"}}
		if k, err := parseKeyring(wire.Marshal(r)); err == nil {
			t.Errorf("%s: %+v", name, k)
		}
	}
}

func FuzzKeyringPlaintext(f *testing.F) {
	k := sampleKeyring(f, "home", "work")
	f.Add(k.encode())
	if _, err := k.Retain("work", Retention{Daily: 7}); err != nil {
		f.Fatal(err)
	}
	f.Add(k.encode())
	f.Fuzz(func(t *testing.T, plain []byte) {
		if k, err := parseKeyring(plain); err == nil && !bytes.Equal(k.encode(), plain) {
			t.Fatalf("%x parses but encodes to %x", plain, k.encode())
		}
	})
}
