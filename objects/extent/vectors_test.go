package extent

import (
	"encoding/hex"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

// The vectors of FORMAT.md. A change of any is another format.
func TestVectors(t *testing.T) {
	m, shares := build(t, 4, 6, 1000, 70_001)
	slice, _ := sliceOf(t, shares[5], 17_000, 100)
	_, receipt := testReceipt(m)
	for _, v := range []struct {
		name string
		got  []byte
		want string
	}{
		{"fragment 5 of stripe 0, its start", shares[5][:8], "28154929949bf0fa"},
		{"manifest, BLAKE3", sum(m.Encode()), "60e030b551b0fb004f63b5e64aaf0156e22b8e7e1a1185f69d79539d9c623e11"},
		{"extent id", idBytes(m), "27b37425ceb8d917c87c820d8309af7522d47be6a7a5ac2b1397258340f441fc"},
		{"share 5, hash", m.Shares[5][:], "0443249d5e2863116f5f20499e3f8adb26ff5b150fca8b9b476137bbbb69c06c"},
		{"slice, BLAKE3", sum(slice), "12f294cb93108bb2238b8a33652fed120c30542e7a96edc961c01ec2f2ad8a50"},
		{"receipt, signed, BLAKE3", sum(wire.Marshal(receipt)), "9d0799d5361a7e0d715b16d51151af134cd7a7bc1de47e16eb154e0ac1e7898d"},
		{"receipt, compact, BLAKE3", sum(wire.Marshal(receipt.Compact())), "a40c888885629584135778d01f5f45b0c4c7b806471b7b8dce34c750ba3dd316"},
	} {
		if got := hex.EncodeToString(v.got); got != v.want {
			t.Errorf("%s: %s, want %s", v.name, got, v.want)
		}
	}
	if m.ShareBytes() != 250+17_501 || len(slice) != 8+64+17_751-16_384 {
		t.Errorf("share of %d bytes, slice of %d", m.ShareBytes(), len(slice))
	}
}

func sum(b []byte) []byte {
	h := wire.Sum(b)
	return h[:]
}

func idBytes(m *Manifest) []byte {
	id := m.ID()
	return id[:]
}
