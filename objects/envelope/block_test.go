package envelope

import (
	"bytes"
	"crypto/rand"
	"errors"
	"runtime"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

func secretsOf(b byte) Secrets { return NodeKey{b}.Secrets() }

func TestBlockRoundTrip(t *testing.T) {
	s := secretsOf(1)
	for _, size := range []int{1, 15, 16, 4096, wire.BlockBytesMax - 1, wire.BlockBytesMax} {
		plain := make([]byte, size)
		rand.Read(plain)
		key := s.BlockKey(plain)
		prefix := []byte("prefix")
		sealed := SealBlock(bytes.Clone(prefix), plain, key)[len(prefix):]
		if len(sealed) != size+wire.SealOverhead {
			t.Errorf("%d bytes are sealed to %d", size, len(sealed))
		}
		got, err := OpenBlock(bytes.Clone(prefix), sealed, key)
		if err != nil || !bytes.Equal(got, append(prefix, plain...)) {
			t.Errorf("%d bytes do not survive: %v", size, err)
		}
		if in, err := OpenBlock(sealed[:0], sealed, key); err != nil || !bytes.Equal(in, plain) {
			t.Errorf("%d bytes do not survive in place: %v", size, err)
		}
	}
}

func TestBlockIsSealedInPlace(t *testing.T) {
	plain := bytes.Repeat([]byte("atoll"), 1000)
	key := secretsOf(1).BlockKey(plain)
	want := SealBlock(nil, plain, key)
	buffer := append(make([]byte, 0, len(want)), plain...)
	if got := SealBlock(buffer[:0], buffer, key); !bytes.Equal(got, want) || &got[0] != &buffer[0] {
		t.Error("sealing in place gives other bytes, or another place")
	}
}

// The nonce is fixed, so all that keeps blocks apart is the key.
func TestBlockKeysDifferByPlaintextAndVolume(t *testing.T) {
	a, b := secretsOf(1), secretsOf(2)
	x := []byte("one plaintext")
	seen := map[[keySize]byte]bool{}
	for _, k := range []BlockKey{a.BlockKey(x), b.BlockKey(x), a.BlockKey(x[1:]), a.BlockKey(append(bytes.Clone(x), 0))} {
		if seen[k.Key] {
			t.Error("two plaintexts or two volumes share a key")
		}
		seen[k.Key] = true
	}
	if a.BlockKey(x) != a.BlockKey(bytes.Clone(x)) {
		t.Error("one plaintext has two keys in one volume")
	}
}

func TestBlockRefusesWhatWasChanged(t *testing.T) {
	plain := []byte("some plaintext")
	key := secretsOf(1).BlockKey(plain)
	sealed := SealBlock(nil, plain, key)
	for i := range sealed {
		for bit := range 8 {
			bad := bytes.Clone(sealed)
			bad[i] ^= 1 << bit
			if got, err := OpenBlock(nil, bad, key); !errors.Is(err, ErrSealed) || got != nil {
				t.Fatalf("bit %d of byte %d flipped: %q, %v", bit, i, got, err)
			}
		}
	}
	for size := range sealed {
		if _, err := OpenBlock(nil, sealed[:size], key); !errors.Is(err, ErrSealed) {
			t.Fatalf("cut to %d bytes: %v", size, err)
		}
	}
	if _, err := OpenBlock(nil, make([]byte, wire.SealedBytesMax+1), key); !errors.Is(err, ErrSealed) {
		t.Errorf("too long: %v", err)
	}
}

// GCM accepts a ciphertext under any key for which the author made it fit; the
// hash does not.
func TestBlockWithAnotherHashIsRefused(t *testing.T) {
	plain := []byte("some plaintext")
	key := secretsOf(1).BlockKey(plain)
	sealed := SealBlock(nil, plain, key)
	key.Hash[0] ^= 1
	dst := make([]byte, 0, 100)
	if got, err := OpenBlock(dst, sealed, key); !errors.Is(err, ErrSealed) || got != nil {
		t.Errorf("opened to %q, %v", got, err)
	}
	if bytes.Contains(dst[:cap(dst)], plain) {
		t.Error("the refused plaintext is left in the buffer")
	}
}

func TestBlockSizesThatCallersMustNotPass(t *testing.T) {
	for _, size := range []int{0, wire.BlockBytesMax + 1} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a block of %d bytes was sealed", size)
				}
			}()
			SealBlock(nil, make([]byte, size), BlockKey{})
		}()
	}
}

// What is allocated is state of the ciphers and, most of it, of the hash.
func TestBlockAllocatesLittle(t *testing.T) {
	plain := make([]byte, wire.BlockBytesMax)
	key := secretsOf(1).BlockKey(plain)
	sealed := SealBlock(nil, plain, key)
	dst := make([]byte, 0, wire.SealedBytesMax)
	const runs = 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		SealBlock(dst, plain, key)
		if _, err := OpenBlock(dst, sealed, key); err != nil {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if bytes := (after.TotalAlloc - before.TotalAlloc) / runs; bytes > wire.BlockBytesMax/8 {
		t.Errorf("sealing and opening a block into buffers allocates %d bytes", bytes)
	}
}

func FuzzBlock(f *testing.F) {
	key := secretsOf(1).BlockKey([]byte("x"))
	f.Add(SealBlock(nil, []byte("x"), key), []byte("x"))
	f.Fuzz(func(t *testing.T, sealed, plain []byte) {
		if got, err := OpenBlock(nil, sealed, key); err == nil && string(got) != "x" {
			t.Fatalf("%x opens to %q", sealed, got)
		}
		if len(plain) == 0 || len(plain) > wire.BlockBytesMax {
			return
		}
		own := secretsOf(2).BlockKey(plain)
		if got, err := OpenBlock(nil, SealBlock(nil, plain, own), own); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%x does not survive: %v", plain, err)
		}
	})
}

func BenchmarkSealBlock(b *testing.B) {
	s, plain := secretsOf(1), make([]byte, wire.BlockBytesMax)
	dst := make([]byte, 0, wire.SealedBytesMax)
	b.SetBytes(int64(len(plain)))
	b.ReportAllocs()
	for b.Loop() {
		SealBlock(dst, plain, s.BlockKey(plain))
	}
}

func BenchmarkOpenBlock(b *testing.B) {
	plain := make([]byte, wire.BlockBytesMax)
	key := secretsOf(1).BlockKey(plain)
	sealed := SealBlock(nil, plain, key)
	dst := make([]byte, 0, wire.SealedBytesMax)
	b.SetBytes(int64(len(plain)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := OpenBlock(dst, sealed, key); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSecrets(b *testing.B) {
	for b.Loop() {
		NodeKey{1}.Secrets()
	}
}
