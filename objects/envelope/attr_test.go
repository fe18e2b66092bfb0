package envelope

import (
	"bytes"
	"crypto/rand"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

func TestAttrRoundTrip(t *testing.T) {
	s := secretsOf(1)
	attrs := []Attr{
		{}, {Mode: 0o644, Sec: 1_700_000_000, Nsec: 123_456_789}, {Mode: 0o7777, Sec: -1, Nsec: 999_999_999},
		{Sec: math.MinInt64}, {Sec: math.MaxInt64}, {Mode: 0o777, Target: "../x"}, {Target: "\xff\n"},
	}
	for length := range 100 { // every length of padding
		attrs = append(attrs, Attr{Mode: 0o777, Target: strings.Repeat("t", length)})
	}
	longest := strings.Repeat("t", TargetBytesMax)
	attrs = append(attrs, Attr{Target: longest}, Attr{Mode: 0o7777, Sec: math.MinInt64, Nsec: 999_999_999, Target: longest})
	for _, a := range attrs {
		sealed, err := s.SealAttr(rand.Reader, dirA, a)
		if err != nil || (len(sealed)-SealedOverhead)%attrPadding != 0 || len(sealed) > attrSealedMax {
			t.Fatalf("mode %o, target of %d: sealed to %d bytes, %v", a.Mode, len(a.Target), len(sealed), err)
		}
		if got, err := s.OpenAttr(dirA, sealed); err != nil || got != a {
			t.Fatalf("%+v opens to %+v, %v", a, got, err)
		}
	}
}

func TestAttrOutOfRange(t *testing.T) {
	for _, a := range []Attr{
		{Mode: 0o10000}, {Nsec: 1e9}, {Target: "a\x00b"}, {Target: strings.Repeat("t", TargetBytesMax+1)},
	} {
		if _, err := secretsOf(1).SealAttr(rand.Reader, dirA, a); !errors.Is(err, ErrAttr) {
			t.Errorf("mode %o, %d ns, target of %d: %v", a.Mode, a.Nsec, len(a.Target), err)
		}
	}
}

func TestAttrHasOneForm(t *testing.T) {
	good := attrRecord{Format: 1, Target: []byte{}}
	pad := func(r attrRecord, n int) []byte { r.Pad = make([]byte, n); return wire.Marshal(r) }
	fits := 0
	for n := range 100 {
		if _, err := parseAttr(pad(good, n)); err == nil {
			fits++
		} else if !errors.Is(err, ErrAttr) {
			t.Errorf("%d bytes of padding: %v", n, err)
		}
	}
	if fits != 1 {
		t.Errorf("%d lengths of padding are accepted", fits)
	}
	for name, b := range map[string][]byte{
		"another format":  bytes.Replace(Attr{}.encode(), []byte{0x86, 1}, []byte{0x86, 2}, 1),
		"padding not 0":   append(Attr{}.encode()[:31], 1),
		"cut short":       Attr{}.encode()[:31],
		"trailing":        append(Attr{}.encode(), 0),
		"mode too large":  Attr{Mode: 0o10000}.encode(),
		"target too long": Attr{Target: strings.Repeat("t", TargetBytesMax+1)}.encode(),
		"empty":           {},
	} {
		if _, err := parseAttr(b); !errors.Is(err, ErrAttr) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzAttr(f *testing.F) {
	f.Add(Attr{}.encode())
	f.Add(Attr{Mode: 0o777, Sec: -5, Nsec: 7, Target: "x"}.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := parseAttr(b)
		if err == nil && !bytes.Equal(a.encode(), b) {
			t.Fatalf("%x parses but encodes to %x", b, a.encode())
		}
		if err != nil && !errors.Is(err, ErrAttr) {
			t.Fatal(err)
		}
	})
}
