package extent

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
	"lukechampine.com/blake3/bao"
)

func sliceOf(t testing.TB, share []byte, offset, length int) ([]byte, wire.ShareHash) {
	t.Helper()
	outboard, root := Outboard(share)
	var b bytes.Buffer
	if err := WriteSlice(&b, share, outboard, offset, length); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), root
}

func TestSliceProvesItsRange(t *testing.T) {
	for _, size := range []int{1, 100, 16384, 16385, 32768, 65536, 100_000, 1<<20 + 17} {
		share := pattern(size, 1)
		for _, r := range [][2]int{{0, 1}, {0, size}, {size - 1, 1}, {size / 2, size - size/2}, {size / 3, max(1, size/3)}} {
			offset, length := r[0], r[1]
			slice, root := sliceOf(t, share, offset, length)
			if root != wire.ShareHash(wire.Sum(share)) {
				t.Fatalf("root of %d bytes is not their BLAKE3 hash", size)
			}
			if len(slice) != SliceBytes(size, offset, length) {
				t.Errorf("%d bytes [%d,+%d): slice of %d bytes, SliceBytes says %d", size, offset, length, len(slice), SliceBytes(size, offset, length))
			}
			got, err := ReadSlice(slice, size, offset, length, root)
			if err != nil || !bytes.Equal(got, share[offset:offset+length]) {
				t.Errorf("%d bytes [%d,+%d): differs, error %v", size, offset, length, err)
			}
			if err := CheckSlice(slice, size, offset, length, root); err != nil {
				t.Error(err)
			}
			if plain, ok := bao.VerifySlice(slice, 4, uint64(offset), uint64(length), root); !ok || !bytes.Equal(plain, got) {
				t.Errorf("%d bytes [%d,+%d): not bao's slice", size, offset, length)
			}
		}
	}
}

func TestEveryFlippedBitIsFound(t *testing.T) {
	const size, offset, length = 40_000, 20_000, 1000
	slice, root := sliceOf(t, pattern(size, 2), offset, length)
	for i := 0; i < len(slice); i += 1 + i/50 {
		bad := slices.Clone(slice)
		bad[i] ^= 1 << (i % 8)
		if _, err := ReadSlice(bad, size, offset, length, root); !errors.Is(err, ErrProof) {
			t.Errorf("byte %d: %v, want ErrProof", i, err)
		}
	}
}

func TestReadSliceRefuses(t *testing.T) {
	const size, offset, length = 40_000, 20_000, 1000
	share := pattern(size, 3)
	slice, root := sliceOf(t, share, offset, length)
	elsewhere, _ := sliceOf(t, share, 0, length)
	other, _ := sliceOf(t, pattern(size, 4), offset, length)
	longer, longerRoot := sliceOf(t, pattern(size+1, 3), offset, length)
	for name, tc := range map[string]struct {
		slice []byte
		root  wire.ShareHash
	}{
		"nothing":                     {nil, root},
		"a header alone":              {slice[:8], root},
		"cut short":                   {slice[:len(slice)-1], root},
		"a trailing byte":             {append(slices.Clone(slice), 0), root},
		"another range":               {elsewhere, root},
		"another share":               {other, root},
		"garbage":                     {pattern(len(slice), 9), root},
		"a longer share, right hash":  {longer, longerRoot},
		"the right slice, wrong root": {slice, longerRoot},
	} {
		if _, err := ReadSlice(tc.slice, size, offset, length, tc.root); !errors.Is(err, ErrProof) {
			t.Errorf("%s: %v, want ErrProof", name, err)
		}
	}
}

func TestRangesOutsideTheShareAreRefused(t *testing.T) {
	const maxInt = int(^uint(0) >> 1)
	share := pattern(1000, 5)
	outboard, root := Outboard(share)
	for _, r := range [][2]int{{0, 0}, {0, 1001}, {1000, 1}, {-1, 5}, {5, -1}, {maxInt, 1}, {1, maxInt}, {maxInt, maxInt}} {
		if err := WriteSlice(new(bytes.Buffer), share, outboard, r[0], r[1]); !errors.Is(err, ErrInput) {
			t.Errorf("WriteSlice [%d,+%d): %v, want ErrInput", r[0], r[1], err)
		}
		if _, err := ReadSlice(nil, 1000, r[0], r[1], root); !errors.Is(err, ErrInput) {
			t.Errorf("ReadSlice [%d,+%d): %v, want ErrInput", r[0], r[1], err)
		}
	}
	if _, err := ReadSlice(nil, wire.ShareBytesMax+1, 0, 1, root); !errors.Is(err, ErrInput) {
		t.Errorf("a share above the limit: %v, want ErrInput", err)
	}
	if err := WriteSlice(new(bytes.Buffer), share, outboard[1:], 0, 1); !errors.Is(err, ErrInput) {
		t.Errorf("an outboard cut short: %v, want ErrInput", err)
	}
}

func FuzzReadSlice(f *testing.F) {
	share := pattern(70_000, 6)
	for _, r := range [][2]int{{0, 1}, {0, 70_000}, {33_000, 4000}} {
		slice, _ := sliceOf(f, share, r[0], r[1])
		f.Add(slice, len(share), r[0], r[1])
	}
	outboard, root := Outboard(share)
	f.Fuzz(func(t *testing.T, slice []byte, size, offset, length int) {
		got, err := ReadSlice(slice, size, offset, length, root)
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := WriteSlice(&again, share, outboard, offset, length); err != nil {
			t.Fatal(err)
		}
		if size != len(share) || !bytes.Equal(got, share[offset:offset+length]) || !bytes.Equal(again.Bytes(), slice) {
			t.Fatal("accepted what is not the share's slice")
		}
	})
}

func BenchmarkReadSlice(b *testing.B) {
	const size = 1 << 20
	slice, root := sliceOf(b, pattern(size, 7), 0, size)
	b.SetBytes(size)
	for b.Loop() {
		if _, err := ReadSlice(slice, size, 0, size, root); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteSlice(b *testing.B) {
	const size = 1 << 20
	share := pattern(size, 7)
	outboard, _ := Outboard(share)
	b.SetBytes(size)
	for b.Loop() {
		var w bytes.Buffer
		if err := WriteSlice(&w, share, outboard, 0, size); err != nil {
			b.Fatal(err)
		}
	}
}
