package wire

import (
	"testing"

	"lukechampine.com/blake3"
)

// The short way and the library's give the same hashes.
func TestDeriveIsDeriveKey(t *testing.T) {
	material := make([]byte, 3000)
	for i := range material {
		material[i] = byte(i * i)
	}
	for _, c := range []Context{ContextObject, ContextNode, "atoll/v1/a context that is longer than one block of the hash, which has sixty-four bytes"} {
		for n := range material {
			var want [HashSize]byte
			blake3.DeriveKey(want[:], string(c), material[:n])
			if got := Derive(c, material[:n]); got != want {
				t.Fatalf("%s: %d bytes give %x, not %x", c, n, got, want)
			}
		}
	}
}

func BenchmarkDerive(b *testing.B) {
	material := make([]byte, 200)
	for b.Loop() {
		Derive(ContextDecision, material)
	}
}
