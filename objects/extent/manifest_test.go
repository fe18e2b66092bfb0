package extent

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

// build makes an extent of blocks of these lengths and returns its shares.
func build(t testing.TB, k, n int, lengths ...int) (*Manifest, [][]byte) {
	t.Helper()
	b, err := NewBuilder(k, n)
	if err != nil {
		t.Fatal(err)
	}
	shares := make([][]byte, n)
	for i, length := range lengths {
		stripe, fragments, err := b.Add(pattern(length, i))
		if err != nil || stripe != i {
			t.Fatalf("stripe %d: number %d, error %v", i, stripe, err)
		}
		for j, f := range fragments {
			shares[j] = append(shares[j], f...)
		}
	}
	return b.Manifest(), shares
}

func TestBuilderDescribesItsShares(t *testing.T) {
	for _, s := range shapes {
		m, shares := build(t, s.k, s.n, 70_000, min(16384*s.k, wire.SealedBytesMax), 300_001)
		if err := m.validate(); err != nil {
			t.Fatal(err)
		}
		for i, share := range shares {
			if len(share) != m.ShareBytes() || wire.ShareHash(wire.Sum(share)) != m.Shares[i] {
				t.Fatalf("%d of %d: share %d is not what the manifest says", s.k, s.n, i)
			}
		}
		for stripe := range m.Stripes {
			checkStripe(t, m, shares, stripe)
		}
	}
}

// checkStripe restores a stripe from the last k shares.
func checkStripe(t *testing.T, m *Manifest, shares [][]byte, stripe int) {
	t.Helper()
	offset, length := m.Fragment(stripe)
	fragments := make([][]byte, m.N)
	for i := int(m.N) - int(m.K); i < int(m.N); i++ {
		fragments[i] = shares[i][offset : offset+length]
	}
	block, err := mustCode(t, int(m.K), int(m.N)).Join(fragments, int(m.Stripes[stripe].Length))
	if err != nil || wire.BlockHash(wire.Sum(block)) != m.Stripes[stripe].Hash {
		t.Fatalf("%d of %d: stripe %d is not restored: %v", m.K, m.N, stripe, err)
	}
}

func TestShareHasherIsBLAKE3WhateverThePieces(t *testing.T) {
	data := pattern(5*groupBytes+1, 7)
	for _, total := range []int{1, 1024, 1025, groupBytes - 1, groupBytes, groupBytes + 1, 2 * groupBytes, 4*groupBytes + 7, len(data)} {
		for _, piece := range []int{1, 1000, 1024, groupBytes, groupBytes + 3, 3 * groupBytes, len(data)} {
			var h wire.BulkHasher
			for p := range slices.Chunk(data[:total], piece) {
				h.Write(p)
			}
			if h.Sum() != wire.ShareHash(wire.Sum(data[:total])) {
				t.Errorf("%d bytes in pieces of %d: another hash", total, piece)
			}
		}
	}
}

func TestHashWithGivesTheSameManifest(t *testing.T) {
	want, _ := build(t, 4, 9, 50_000, 10)
	b, err := NewBuilder(4, 9)
	if err != nil {
		t.Fatal(err)
	}
	b.HashWith(3, func(parts int, do func(int)) {
		var wg sync.WaitGroup
		for i := range parts {
			wg.Go(func() { do(i) })
		}
		wg.Wait()
	})
	for i, length := range []int{50_000, 10} {
		if _, _, err := b.Add(pattern(length, i)); err != nil {
			t.Fatal(err)
		}
	}
	if b.Manifest().ID() != want.ID() {
		t.Error("another manifest")
	}
}

func TestExtentIsFullBeforeAShareIsTooLarge(t *testing.T) {
	for _, s := range []struct{ k, large, small int }{{1, 3, 256}, {2, 7, 256}, {4, 15, 256}, {8, 31, 256}, {9, 32, 256}, {16, 32, 256}, {255, 32, 256}} {
		for block, want := range map[int]int{wire.SealedBytesMax: s.large, 1000: s.small} {
			stripes := 0
			for !full(s.k, stripes, stripes*fragmentBytes(block, s.k)) {
				stripes++
			}
			if stripes != want {
				t.Errorf("k=%d: %d stripes of %d bytes, want %d", s.k, stripes, block, want)
			}
		}
	}
	b, err := NewBuilder(1, 1)
	if err != nil {
		t.Fatal(err)
	}
	block := pattern(wire.SealedBytesMax, 0)
	for !b.Full() {
		if _, _, err := b.Add(block); err != nil {
			t.Fatal(err)
		}
	}
	before := b.Manifest()
	if _, _, err := b.Add(block); !errors.Is(err, ErrFull) {
		t.Errorf("one more: %v, want ErrFull", err)
	}
	if before.ID() != b.Manifest().ID() || before.ShareBytes() > wire.ShareBytesMax {
		t.Errorf("share of %d bytes, limit %d", before.ShareBytes(), wire.ShareBytesMax)
	}
}

func TestEmptyBlocksAreNeverStripes(t *testing.T) {
	b, err := NewBuilder(4, 6)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Add(nil); !errors.Is(err, ErrInput) {
		t.Errorf("%v, want ErrInput", err)
	}
	defer func() {
		if recover() == nil {
			t.Error("a manifest of no stripes")
		}
	}()
	b.Manifest()
}

func TestLargestManifestFits(t *testing.T) {
	m := &Manifest{Format: FormatCurrent, K: 254, N: 255, Shares: make([]wire.ShareHash, 255)}
	for range wire.ExtentStripesMax {
		m.Stripes = append(m.Stripes, Stripe{Length: 100_000})
	}
	if _, err := ParseManifest(m.Encode()); err != nil {
		t.Error(err)
	}
}

func TestParseManifestRefuses(t *testing.T) {
	for name, change := range map[string]func(m *Manifest){
		"a later format":        func(m *Manifest) { m.Format = 2 },
		"k of 0":                func(m *Manifest) { m.K = 0 },
		"k above n":             func(m *Manifest) { m.K = 7 },
		"a hash too few":        func(m *Manifest) { m.Shares = m.Shares[1:] },
		"a hash too many":       func(m *Manifest) { m.Shares = append(m.Shares, wire.ShareHash{}) },
		"no stripes":            func(m *Manifest) { m.Stripes = nil },
		"too many stripes":      func(m *Manifest) { m.Stripes = slices.Repeat(m.Stripes, wire.ExtentStripesMax+1) },
		"too large for its k":   func(m *Manifest) { m.K, m.Stripes = 1, slices.Repeat([]Stripe{{Length: wire.SealedBytesMax}}, 4) },
		"an empty stripe":       func(m *Manifest) { m.Stripes[0].Length = 0 },
		"a stripe too long":     func(m *Manifest) { m.Stripes[0].Length = wire.SealedBytesMax + 1 },
		"a stripe of 4 GiB":     func(m *Manifest) { m.Stripes[0].Length = 1<<32 - 1 },
		"more than fits a byte": func(m *Manifest) { m.Shares = make([]wire.ShareHash, 256) },
	} {
		m, _ := build(t, 4, 6, 100)
		change(m)
		if _, err := ParseManifest(m.Encode()); !errors.Is(err, ErrManifest) {
			t.Errorf("%s: %v, want ErrManifest", name, err)
		}
	}
	m, _ := build(t, 4, 6, 100)
	for name, b := range map[string][]byte{
		"nothing":       nil,
		"cut short":     m.Encode()[:50],
		"trailing byte": append(m.Encode(), 0),
		"oversized":     make([]byte, wire.ManifestBytesMax+1),
	} {
		if _, err := ParseManifest(b); !errors.Is(err, wire.ErrEncoding) {
			t.Errorf("%s: %v, want wire.ErrEncoding", name, err)
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	for _, s := range shapes[:5] {
		m, _ := build(f, s.k, s.n, 10, 5000)
		f.Add(m.Encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseManifest(b)
		if err != nil {
			return
		}
		if !bytes.Equal(m.Encode(), b) {
			t.Fatal("parses but encodes to other bytes")
		}
		if n := m.ShareBytes(); n < 1 || n > wire.ShareBytesMax {
			t.Fatalf("share of %d bytes", n)
		}
		if _, err := NewCode(int(m.K), int(m.N)); err != nil {
			t.Fatal(err)
		}
	})
}

func BenchmarkBuild(b *testing.B) {
	block := pattern(512<<10, 0)
	b.SetBytes(int64(len(block)) * wire.ExtentStripesMax)
	for b.Loop() {
		builder, err := NewBuilder(16, 32)
		if err != nil {
			b.Fatal(err)
		}
		for !builder.Full() {
			if _, _, err := builder.Add(block); err != nil {
				b.Fatal(err)
			}
		}
		builder.Manifest()
	}
}
