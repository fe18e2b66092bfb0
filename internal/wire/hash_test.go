package wire

import (
	"fmt"
	"testing"

	"lukechampine.com/blake3"
)

// The short way and the library's give the same hashes.
func TestDeriveIsDeriveKey(t *testing.T) {
	material := make([]byte, groupBytes+3000)
	for i := range material {
		material[i] = byte(i * i >> 3)
	}
	lengths := []int{4095, 4096, 4097, groupBytes - 1025, groupBytes - 1, groupBytes, groupBytes + 1, len(material)}
	for n := range 3000 {
		lengths = append(lengths, n)
	}
	for _, c := range []Context{ContextObject, ContextNode, "atoll/v1/a context that is longer than one block of the hash, which has sixty-four bytes"} {
		for _, n := range lengths {
			var want [HashSize]byte
			blake3.DeriveKey(want[:], string(c), material[:n])
			if got := Derive(c, material[:n]); got != want {
				t.Fatalf("%s: %d bytes give %x, not %x", c, n, got, want)
			}
		}
	}
}

func BenchmarkDerive(b *testing.B) {
	for _, n := range []int{200, 6000, 16000} {
		b.Run(fmt.Sprintf("bytes=%d", n), func(b *testing.B) {
			material := make([]byte, n)
			for b.Loop() {
				Derive(ContextDecision, material)
			}
		})
	}
}

// A goroutine for each part of what is named would show here.
func TestDeriveAllocatesNothing(t *testing.T) {
	node := make([]byte, TreeNodeBytesMax)
	if n := testing.AllocsPerRun(20, func() { Derive(ContextNode, node) }); n > 1 {
		t.Errorf("%.0f allocations for a node", n)
	}
}

// Sum takes a way of its own above a group.
func TestSumIsBLAKE3(t *testing.T) {
	data := make([]byte, 5*groupBytes+3)
	for i := range data {
		data[i] = byte(i * i >> 3)
	}
	for _, n := range []int{0, 1, 1024, groupBytes - 1, groupBytes, groupBytes + 1, 2 * groupBytes, 3*groupBytes + 1025, 4 * groupBytes, len(data)} {
		if Sum(data[:n]) != blake3.Sum256(data[:n]) {
			t.Errorf("%d bytes have another hash", n)
		}
	}
}

// A goroutine or a buffer for each piece of a block would show here.
func TestSumAllocatesNothing(t *testing.T) {
	block := make([]byte, 1<<20)
	if n := testing.AllocsPerRun(20, func() { Sum(block) }); n > 1 {
		t.Errorf("%.0f allocations for a block", n)
	}
}
