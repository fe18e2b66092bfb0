package extent

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/klauspost/reedsolomon"
)

// pattern returns n bytes that repeat nowhere near: byte i is the low byte of
// i² + i/251 + seed.
func pattern(n, seed int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*i + i/251 + seed)
	}
	return b
}

func mustCode(t testing.TB, k, n int) *Code {
	t.Helper()
	c, err := NewCode(k, n)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var shapes = []struct{ k, n int }{{1, 1}, {1, 9}, {2, 3}, {3, 3}, {4, 16}, {16, 32}, {16, 64}, {200, 255}}

func TestAnyKFragmentsRestoreTheBlock(t *testing.T) {
	for _, s := range shapes {
		c := mustCode(t, s.k, s.n)
		for _, length := range []int{1, 2, s.k, s.k + 1, 4096, 100_003} {
			block := pattern(length, 1)
			fragments, err := c.Split(block)
			if err != nil {
				t.Fatal(err)
			}
			for name, keep := range map[string]func(i int) bool{
				"first k": func(i int) bool { return i < s.k },
				"last k":  func(i int) bool { return i >= s.n-s.k },
				"all":     func(int) bool { return true },
				"spread":  func(i int) bool { return i%2 == 0 || i >= s.n-s.k },
			} {
				held := slices.Clone(fragments)
				for i := range held {
					if !keep(i) {
						held[i] = nil
					}
				}
				got, err := c.Join(held, length)
				if err != nil || !bytes.Equal(got, block) {
					t.Errorf("%d of %d, %d bytes, %s: differs, error %v", s.k, s.n, length, name, err)
				}
			}
		}
	}
}

// The format is klauspost's default matrix over zero-padded fragments; the
// shortcuts of Split must not show.
func TestSplitIsThePlainCode(t *testing.T) {
	for _, s := range shapes {
		for _, length := range []int{1, s.k, 3*s.k + 1, 5000} {
			block := pattern(length, 2)
			got, err := mustCode(t, s.k, s.n).Split(block)
			if err != nil {
				t.Fatal(err)
			}
			size := fragmentBytes(length, s.k)
			padded := append(slices.Clone(block), make([]byte, s.k*size-length)...)
			want := make([][]byte, s.n)
			for i := range want {
				want[i] = make([]byte, size)
				if i < s.k {
					copy(want[i], padded[i*size:])
				}
			}
			rs, err := reedsolomon.New(s.k, s.n-s.k)
			if err != nil {
				t.Fatal(err)
			}
			if err := rs.Encode(want); err != nil {
				t.Fatal(err)
			}
			for i := range want {
				if !bytes.Equal(got[i], want[i]) {
					t.Errorf("%d of %d, %d bytes: fragment %d differs", s.k, s.n, length, i)
				}
			}
		}
	}
}

func TestSplitLeavesTheBlockAndAliasesIt(t *testing.T) {
	block := pattern(1000, 3)
	fragments, err := mustCode(t, 4, 6).Split(block)
	if err != nil {
		t.Fatal(err)
	}
	if &fragments[0][0] != &block[0] {
		t.Error("the data was copied")
	}
	for i, f := range fragments {
		if cap(f) != len(f) {
			t.Errorf("fragment %d can grow into its neighbour", i)
		}
	}
	if !bytes.Equal(block, pattern(1000, 3)) {
		t.Error("the block was changed")
	}
}

func TestJoinRefuses(t *testing.T) {
	c := mustCode(t, 4, 6)
	fragments, err := c.Split(pattern(1001, 4)) // 251 bytes each, 3 of padding
	if err != nil {
		t.Fatal(err)
	}
	change := func(f func(held [][]byte)) [][]byte {
		held := slices.Clone(fragments)
		for i := range held {
			held[i] = slices.Clone(held[i])
		}
		f(held)
		return held
	}
	few := change(func(h [][]byte) { h[0], h[1], h[5] = nil, nil, nil })
	padding := change(func(h [][]byte) { h[3][250] = 1 })
	short := change(func(h [][]byte) { h[5] = h[5][:250] })
	empty := change(func(h [][]byte) { h[5] = []byte{} })
	for name, tc := range map[string]struct {
		held   [][]byte
		length int
		want   error
	}{
		"three of four":        {few, 1001, ErrTooFew},
		"none":                 {make([][]byte, 6), 1001, ErrTooFew},
		"padding not zero":     {padding, 1001, ErrCoding},
		"a short fragment":     {short, 1001, ErrInput},
		"an empty fragment":    {empty, 1001, ErrInput},
		"five slots":           {fragments[:5], 1001, ErrInput},
		"another length":       {fragments, 2000, ErrInput},
		"no length":            {fragments, 0, ErrInput},
		"more than any block":  {fragments, wire.SealedBytesMax + 1, ErrInput},
		"a length below zero":  {fragments, -1, ErrInput},
		"no slots and no code": {nil, 1001, ErrInput},
	} {
		if _, err := c.Join(tc.held, tc.length); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
	}
}

func TestSplitAndNewCodeRefuse(t *testing.T) {
	for _, s := range []struct{ k, n int }{{0, 1}, {-1, 4}, {5, 4}, {1, 256}, {300, 400}} {
		if _, err := NewCode(s.k, s.n); !errors.Is(err, ErrInput) {
			t.Errorf("NewCode(%d, %d): %v, want ErrInput", s.k, s.n, err)
		}
	}
	for _, length := range []int{0, wire.SealedBytesMax + 1} {
		if _, err := mustCode(t, 4, 6).Split(make([]byte, length)); !errors.Is(err, ErrInput) {
			t.Errorf("Split of %d bytes: %v, want ErrInput", length, err)
		}
	}
}

func TestCodesKeptAreBounded(t *testing.T) {
	var cache codeCache
	for n := 2; n < 2+3*codesKeptMax; n++ {
		if _, err := cache.get(2, n); err != nil {
			t.Fatal(err)
		}
	}
	if len(cache.kept) != codesKeptMax {
		t.Errorf("%d codes kept, limit %d", len(cache.kept), codesKeptMax)
	}
}

func BenchmarkSplit(b *testing.B) {
	block := pattern(512<<10, 5)
	c := mustCode(b, 16, 32)
	b.SetBytes(int64(len(block)))
	for b.Loop() {
		if _, err := c.Split(block); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJoin(b *testing.B) {
	block := pattern(512<<10, 6)
	c := mustCode(b, 16, 32)
	for _, lost := range []int{0, 1, 8, 16} {
		b.Run(fmt.Sprintf("lost=%d", lost), func(b *testing.B) {
			fragments, err := c.Split(block)
			if err != nil {
				b.Fatal(err)
			}
			clear(fragments[:lost])
			b.SetBytes(int64(len(block)))
			for b.Loop() {
				if _, err := c.Join(fragments, len(block)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
