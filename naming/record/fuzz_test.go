package record

import (
	"bytes"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
)

// sample returns the bytes of a small name record and of a denial page.
func sample(t testing.TB) (name, denial []byte) {
	t.Helper()
	seed := [32]byte{1}
	key := wire.NewKey(seed)
	origin, err := naming.Pack(naming.SelfName(key.Public()))
	if err != nil {
		t.Fatal(err)
	}
	z := Zone{Origin: origin, Key: key.Public(), Serial: 7, Inception: 1_700_000_000, Expiration: 1_702_592_000, NegativeTTL: 60}
	gone := Name{Kind: Format, Zone: z, Owner: append([]byte{3, 'w', 'w', 'w'}, origin...)}
	page := Denial{Kind: Format, Zone: z, Links: []Link{{Types: []byte{0, 1, 0x40}}}}
	return gone.Sign(key), page.Sign(key)
}

func FuzzParseName(f *testing.F) {
	name, denial := sample(f)
	f.Add(name)
	f.Add(denial)
	if _, err := ParseName(name); err != nil {
		f.Fatalf("the sample: %v", err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := ParseName(b)
		if err != nil {
			return
		}
		if !bytes.Equal(wire.Marshal(n), b) {
			t.Errorf("it parses, and is written as other bytes")
		}
		n.VerifySets()
		if d, err := n.Zone.Digest(); err == nil {
			Check(wire.RecordName, naming.NameID(d, n.Owner), b, time.Unix(int64(n.Zone.Inception), 0))
		}
	})
}

func FuzzParseDenial(f *testing.F) {
	name, denial := sample(f)
	f.Add(name)
	f.Add(denial)
	if _, err := ParseDenial(denial); err != nil {
		f.Fatalf("the sample: %v", err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := ParseDenial(b)
		if err != nil {
			return
		}
		if !bytes.Equal(wire.Marshal(d), b) {
			t.Errorf("it parses, and is written as other bytes")
		}
		d.Find([20]byte{0x80})
		for i := range d.Links {
			d.Zone.VerifyLink(&d.Links[i])
		}
	})
}
