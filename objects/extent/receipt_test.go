package extent

import (
	"bytes"
	"errors"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

func testReceipt(m *Manifest) (wire.Key, SignedReceipt) {
	holder := wire.NewKey([32]byte{1})
	return holder, SignReceipt(holder, Receipt{
		Holder: wire.PeerID(holder.Public()), Object: wire.ObjectID{2}, Author: wire.PublicKey{3},
		Extent: m.ID(), Share: 5, Hash: m.Shares[5], Bytes: uint64(m.ShareBytes()), LeaseSeconds: 86400,
	})
}

func TestReceiptIsBoundToAllItSays(t *testing.T) {
	m, _ := build(t, 4, 6, 1000)
	_, receipt := testReceipt(m)
	if err := receipt.Verify(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(r *SignedReceipt){
		"holder":    func(r *SignedReceipt) { r.Holder = wire.PeerID(wire.NewKey([32]byte{9}).Public()) },
		"object":    func(r *SignedReceipt) { r.Object[0]++ },
		"author":    func(r *SignedReceipt) { r.Author[0]++ },
		"extent":    func(r *SignedReceipt) { r.Extent[0]++ },
		"share":     func(r *SignedReceipt) { r.Share++ },
		"hash":      func(r *SignedReceipt) { r.Hash[0]++ },
		"bytes":     func(r *SignedReceipt) { r.Bytes++ },
		"lease":     func(r *SignedReceipt) { r.LeaseSeconds++ },
		"signature": func(r *SignedReceipt) { r.Signature[0]++ },
	} {
		bad := receipt
		change(&bad)
		if err := bad.Verify(); !errors.Is(err, wire.ErrSignature) {
			t.Errorf("%s changed: %v, want ErrSignature", name, err)
		}
	}
}

func TestCompactReceiptExpandsToWhatWasSigned(t *testing.T) {
	m, _ := build(t, 4, 6, 1000)
	_, receipt := testReceipt(m)
	if got := receipt.Compact().Expand(receipt.Object, receipt.Author, m); got != receipt {
		t.Errorf("got %+v, want %+v", got, receipt)
	}
	other, _ := build(t, 4, 6, 1001)
	if err := receipt.Compact().Expand(receipt.Object, receipt.Author, other).Verify(); err == nil {
		t.Error("a receipt verifies for another extent")
	}
}

// A holder and an author that collude could sign for a share that is not.
func TestReceiptForAShareBeyondTheManifestNeverVerifies(t *testing.T) {
	m, _ := build(t, 4, 6, 1000)
	holder, receipt := testReceipt(m)
	beyond := receipt.Receipt
	beyond.Share, beyond.Hash = 200, wire.ShareHash{}
	signed := SignReceipt(holder, beyond)
	if err := signed.Compact().Expand(signed.Object, signed.Author, m).Verify(); !errors.Is(err, wire.ErrSignature) {
		t.Errorf("%v, want ErrSignature", err)
	}
}

func FuzzSignedReceipt(f *testing.F) {
	m, _ := build(f, 4, 6, 1000)
	_, receipt := testReceipt(m)
	f.Add(wire.Marshal(receipt))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r SignedReceipt
		if wire.Unmarshal(b, &r, 1024) == nil && !bytes.Equal(wire.Marshal(r), b) {
			t.Fatal("parses but encodes to other bytes")
		}
	})
}

func FuzzCompactReceipt(f *testing.F) {
	m, _ := build(f, 4, 6, 1000)
	_, receipt := testReceipt(m)
	f.Add(wire.Marshal(receipt.Compact()))
	f.Fuzz(func(t *testing.T, b []byte) {
		var c CompactReceipt
		if wire.Unmarshal(b, &c, 1024) == nil && !bytes.Equal(wire.Marshal(c), b) {
			t.Fatal("parses but encodes to other bytes")
		}
	})
}
