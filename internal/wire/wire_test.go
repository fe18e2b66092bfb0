package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

type sample struct {
	_    struct{} `cbor:",toarray"`
	ID   NodeID
	N    uint64
	List [][]byte
	Opt  *Hash
}

func TestUnmarshalAcceptsOnlyWhatMarshalWrites(t *testing.T) {
	id := "50" + strings.Repeat("11", 16)
	for name, c := range map[string]struct {
		hex string
		ok  bool
	}{
		"canonical":        {"84" + id + "05" + "8141aa" + "f6", true},
		"empty list":       {"84" + id + "05" + "80" + "f6", true},
		"null list":        {"84" + id + "05" + "f6" + "f6", false},
		"long number":      {"84" + id + "1805" + "80" + "f6", false},
		"indefinite list":  {"84" + id + "05" + "9fff" + "f6", false},
		"short identifier": {"84" + "4111" + "05" + "80" + "f6", false},
		"long identifier":  {"84" + "51" + strings.Repeat("11", 17) + "05" + "80" + "f6", false},
		"missing field":    {"83" + id + "05" + "80", false},
		"extra field":      {"85" + id + "05" + "80" + "f6" + "00", false},
		"trailing byte":    {"84" + id + "05" + "80" + "f6" + "00", false},
		"tagged":           {"84" + id + "c105" + "80" + "f6", false},
		"negative":         {"84" + id + "20" + "80" + "f6", false},
		"empty":            {"", false},
		"cut short":        {"84" + id + "05" + "81", false},
	} {
		b, err := hex.DecodeString(c.hex)
		if err != nil {
			t.Fatal(err)
		}
		var s sample
		err = Unmarshal(b, &s, 1000)
		if c.ok != (err == nil) {
			t.Errorf("%s: error %v, want accepted %v", name, err, c.ok)
		}
		if err != nil && !errors.Is(err, ErrEncoding) {
			t.Errorf("%s: %v does not match ErrEncoding", name, err)
		}
	}
}

func TestUnmarshalNestingAndSizeAreBounded(t *testing.T) {
	deep := append(bytes.Repeat([]byte{0x81}, 100), 0x00)
	var v any
	if err := Unmarshal(deep, &v, 1000); err == nil {
		t.Error("100 nested arrays were accepted")
	}
	if err := Unmarshal(Marshal(make([]byte, 100)), new([]byte), 50); err == nil {
		t.Error("102 bytes were accepted under a limit of 50")
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(Marshal(sample{N: 7, List: [][]byte{{1}, nil}, Opt: &Hash{3}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s sample
		if Unmarshal(b, &s, 1<<16) == nil && !bytes.Equal(Marshal(s), b) {
			t.Fatalf("%x parses but encodes to %x", b, Marshal(s))
		}
	})
}

func TestTextFormIsUnique(t *testing.T) {
	id := ObjectID(Sum([]byte("x")))
	text := id.String()
	if got, err := ParseObjectID(text); err != nil || got != id {
		t.Fatalf("ParseObjectID(%q) = %v, %v", text, got, err)
	}
	// 52 characters carry 260 bits: four of them are unused and must be zero.
	for _, bad := range []string{"", text[:51], text + "a", strings.ToUpper(text), text[:51] + "b", strings.Repeat("a", 51) + "p", text[:50] + "=="} {
		if bad == text {
			continue
		}
		if _, err := ParseObjectID(bad); !errors.Is(err, ErrText) {
			t.Errorf("ParseObjectID(%q) = %v, want ErrText", bad, err)
		}
	}
}

func TestPeerIDIsTheLibp2pForm(t *testing.T) {
	p := PeerID(NewKey([32]byte{1}).Public())
	if !strings.HasPrefix(p.String(), "12D3KooW") {
		t.Errorf("text form %s", p)
	}
	if got, err := ParsePeerID(p.String()); err != nil || got != p {
		t.Errorf("ParsePeerID(%s) = %v, %v", p, got, err)
	}
	for _, bad := range []string{"", "12D3KooW", "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N", strings.Repeat("1", 1000)} {
		if _, err := ParsePeerID(bad); err == nil {
			t.Errorf("ParsePeerID(%q) was accepted", bad)
		}
	}
}

func TestSignatureIsBoundToTagBodyAndKey(t *testing.T) {
	k, other := NewKey([32]byte{1}), NewKey([32]byte{2})
	s := k.Sign("atoll/v1/a", []byte("body"))
	if err := k.Public().Verify("atoll/v1/a", []byte("body"), s); err != nil {
		t.Fatal(err)
	}
	flipped := s
	flipped[10] ^= 1
	for name, err := range map[string]error{
		"other tag":  k.Public().Verify("atoll/v1/b", []byte("body"), s),
		"other body": k.Public().Verify("atoll/v1/a", []byte("bodY"), s),
		"other key":  other.Public().Verify("atoll/v1/a", []byte("body"), s),
		"flipped":    k.Public().Verify("atoll/v1/a", []byte("body"), flipped),
		"zero":       k.Public().Verify("atoll/v1/a", []byte("body"), Signature{}),
	} {
		if !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v, want ErrSignature", name, err)
		}
	}
	if NewKey(k.Seed()).Public() != k.Public() {
		t.Error("a key does not survive its seed")
	}
}

func TestDeriveSeparatesContexts(t *testing.T) {
	if Derive(ContextObject, []byte("x")) == Derive(ContextExtent, []byte("x")) {
		t.Error("two contexts give one hash")
	}
	if Derive(ContextObject, []byte("x"), []byte("y")) != Derive(ContextObject, []byte("xy")) {
		t.Error("parts are not concatenated")
	}
}
