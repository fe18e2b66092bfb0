package envelope

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// Names with any bytes that a file system allows.
var goodNames = []string{
	"a", " ", "a.txt", ".hidden", "...", "naïve", "名前", "\xff\xfe", "new\nline", "\x01", "100%@home", "-rf", "~",
	strings.Repeat("x", 31), strings.Repeat("x", 32), strings.Repeat("x", 33), strings.Repeat("\xff", 255),
}

var badNames = []string{"", ".", "..", "a/b", "/", "a\x00", "\x00", strings.Repeat("x", 256)}

func TestNameRoundTrip(t *testing.T) {
	s := secretsOf(1)
	for _, name := range goodNames {
		sealed := s.SealName(dirA, name)
		if len(sealed) != SealedOverhead+(len(name)+31)/32*32 {
			t.Errorf("%q is sealed to %d bytes", name, len(sealed))
		}
		if got, err := s.OpenName(dirA, sealed); err != nil || got != name {
			t.Errorf("%q opens to %q, %v", name, got, err)
		}
		if !bytes.Equal(sealed, s.SealName(dirA, name)) {
			t.Errorf("%q has two sealed forms", name)
		}
		if bytes.Equal(sealed, s.SealName(dirB, name)) {
			t.Errorf("%q has one sealed form in two directories", name)
		}
	}
}

func TestBadNames(t *testing.T) {
	s := secretsOf(1)
	for _, name := range badNames {
		if err := CheckName(name); !errors.Is(err, ErrName) {
			t.Errorf("CheckName(%q) = %v", name, err)
		}
		if got, err := s.OpenName(dirA, s.SealName(dirA, name)); !errors.Is(err, ErrName) {
			t.Errorf("%q was sealed and opens to %q, %v", name, got, err)
		}
	}
	// A good name with a zero byte behind it must not be found as that name.
	if bytes.Equal(s.SealName(dirA, "a"), s.SealName(dirA, "a\x00")) {
		t.Error(`"a" and "a\x00" have one sealed form`)
	}
}

func TestNameSurvivesANewNodeKey(t *testing.T) {
	first, second := secretsOf(1), secretsOf(2)
	second.Name = first.Name
	if got, err := second.OpenName(dirA, first.SealName(dirA, "x")); err != nil || got != "x" {
		t.Errorf("opens to %q, %v", got, err)
	}
}

// An author with the key seals what he likes; a name still has one form.
func FuzzName(f *testing.F) {
	for _, name := range append(goodNames, badNames...) {
		padded := make([]byte, (len(name)+31)/32*32)
		copy(padded, name)
		n := secretsOf(1).nameNonce(name)
		f.Add(padded, n[:])
	}
	f.Add([]byte("a"), make([]byte, 24))
	f.Add(make([]byte, 64), make([]byte, 24))
	f.Fuzz(func(t *testing.T, padded, random []byte) {
		s := secretsOf(1)
		var own nonce
		copy(own[:], random)
		for _, n := range []nonce{own, s.nameNonce(strings.TrimRight(string(padded), "\x00"))} {
			sealed := seal(s.Name, n, padded, dirA[:])
			name, err := s.OpenName(dirA, sealed)
			if err == nil && !bytes.Equal(s.SealName(dirA, name), sealed) {
				t.Fatalf("%x opens to %q, which is sealed otherwise", sealed, name)
			}
			if err == nil && CheckName(name) != nil || err != nil && !errors.Is(err, ErrName) {
				t.Fatalf("%x opens to %q, %v", sealed, name, err)
			}
		}
	})
}
