package wire

import (
	"encoding/hex"
	"testing"
)

// smallOrder are all encodings of points of small order, canonical or not. Of
// signatures made of them, libraries say different things; ZIP-215 accepts all.
var smallOrder = []string{
	"0100000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000080",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
}

// TestSingleAndBatchAgree is about signatures on which implementations differ: a
// member that checks one by one and a member that checks many at once must
// never disagree on whether somebody has voted.
func TestSingleAndBatchAgree(t *testing.T) {
	const tag Tag = "atoll/v1/test"
	body := []byte("statement")
	type signed struct {
		key       PublicKey
		signature Signature
	}
	var all []signed
	for _, a := range smallOrder {
		for _, r := range smallOrder {
			var s signed
			hex.Decode(s.key[:], []byte(a))
			hex.Decode(s.signature[:32], []byte(r))
			all = append(all, s)
		}
	}
	key := NewKey([32]byte{1})
	good := signed{key.Public(), key.Sign(tag, body)}
	high := good // s with the group's order added: another encoding of the same
	order, carry := []byte{
		0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
	}, 0
	for i := range order {
		carry += int(high.signature[32+i]) + int(order[i])
		high.signature[32+i], carry = byte(carry), carry>>8
	}
	forged := good
	forged.signature[0] ^= 1
	all = append(all, good, high, forged)
	lost := good // the key is no point of the curve
	hex.Decode(lost.key[:], []byte("0200000000000000000000000000000000000000000000000000000000000000"))
	all = append(all, lost)
	for i, s := range all {
		batch := NewBatch(2)
		batch.Add(good.key, tag, body, good.signature)
		batch.Add(s.key, tag, body, s.signature)
		single := s.key.Verify(tag, body, s.signature) == nil
		if batch.Good() != single {
			t.Errorf("signature %d: alone %v, with another %v", i, single, !single)
		}
		if want := i < len(all)-3; single != want {
			t.Errorf("signature %d: %v, want %v", i, single, want)
		}
	}
	if !NewBatch(0).Good() {
		t.Error("no signature is a bad one")
	}
}
