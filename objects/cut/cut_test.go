package cut

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/atollnet/atoll/internal/wire"
)

// noise returns so many incompressible bytes, the same for the same seed.
func noise(seed byte, size int) []byte {
	b := make([]byte, size)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

// lengths cuts what r holds and returns the blocks' lengths and hashes, having
// checked that they are all of data.
func lengths(t testing.TB, r io.Reader, seed byte, data []byte) (sizes []int, hashes [][32]byte) {
	t.Helper()
	c := New(r, [32]byte{seed})
	rest := data
	for {
		block, err := c.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(rest, block) || len(block) == 0 || len(block) > BytesMax {
			t.Fatalf("block %d of %d bytes is not what follows", len(sizes), len(block))
		}
		rest = rest[len(block):]
		sizes = append(sizes, len(block))
		hashes = append(hashes, wire.Sum(block))
	}
	if len(rest) > 0 {
		t.Fatalf("%d bytes were not returned", len(rest))
	}
	if _, err := c.Next(); err != io.EOF {
		t.Fatalf("after the end: %v", err)
	}
	return sizes, hashes
}

func TestBlocksAreTheStream(t *testing.T) {
	for _, size := range []int{0, 1, 63, 4096, BytesMin - 1, BytesMin, BytesMin + 1, BytesAverage, BytesMax - 1, BytesMax, BytesMax + 1, 3*BytesMax + 7} {
		data := noise(1, size)
		sizes, _ := lengths(t, bytes.NewReader(data), 1, data)
		for i, n := range sizes {
			if n < BytesMin && i < len(sizes)-1 {
				t.Errorf("%d bytes: block %d of %d has %d", size, i, len(sizes), n)
			}
		}
		if size > 0 && size <= BytesMin && len(sizes) != 1 {
			t.Errorf("%d bytes: %d blocks", size, len(sizes))
		}
	}
	same := make([]byte, 5*BytesMax)
	if sizes, _ := lengths(t, bytes.NewReader(same), 1, same); slices.Max(sizes) > BytesMax {
		t.Errorf("zeros are cut into %v", sizes)
	}
}

func TestCutsDoNotDependOnHowItIsRead(t *testing.T) {
	data := noise(2, 5*BytesMax)
	want, _ := lengths(t, bytes.NewReader(data), 1, data)
	for name, r := range map[string]io.Reader{
		"half":      iotest.HalfReader(bytes.NewReader(data)),
		"with EOF":  iotest.DataErrReader(bytes.NewReader(data)),
		"hesitant":  &hesitant{r: bytes.NewReader(data)},
		"in thirds": io.MultiReader(bytes.NewReader(data[:100]), bytes.NewReader(data[100:BytesMax]), bytes.NewReader(data[BytesMax:])),
	} {
		if got, _ := lengths(t, r, 1, data); !slices.Equal(got, want) {
			t.Errorf("%s: cut into %v, want %v", name, got, want)
		}
	}
}

// hesitant returns nothing at every second call, as a Reader may.
type hesitant struct {
	r    io.Reader
	wait bool
}

func (h *hesitant) Read(p []byte) (int, error) {
	if h.wait = !h.wait; h.wait {
		return 0, nil
	}
	return h.r.Read(p)
}

// These lengths are what stored blocks were cut to. Others would be as correct,
// and everything would be stored once more.
func TestCutsStayWhatTheyWere(t *testing.T) {
	data := noise(3, 4*BytesMax)
	sizes, _ := lengths(t, bytes.NewReader(data), 1, data)
	if want := []int{628821, 524494, 570062, 529203, 525758, 871458, 544508}; !slices.Equal(sizes, want) {
		t.Errorf("cut into %v, want %v", sizes, want)
	}
}

func TestCutsFollowTheSeed(t *testing.T) {
	data := noise(4, 8*BytesMax)
	a, _ := lengths(t, bytes.NewReader(data), 1, data)
	b, _ := lengths(t, bytes.NewReader(data), 2, data)
	same := 0
	for i := range min(len(a), len(b)) {
		if a[i] == b[i] && a[i] != BytesMax {
			same++
		}
	}
	if same > 1 {
		t.Errorf("two seeds cut %d blocks alike: %v and %v", same, a, b)
	}
}

func TestInsertionChangesFewBlocks(t *testing.T) {
	const size = 32 * BytesMax
	data := noise(5, size)
	sizes, before := lengths(t, bytes.NewReader(data), 1, data)
	if average := size / len(sizes); average < BytesAverage*3/4 || average > BytesAverage*5/4 {
		t.Errorf("blocks have %d bytes on average", average)
	}
	for _, at := range []int{0, 1000, size / 2} {
		changed := slices.Insert(slices.Clone(data), at, []byte("inserted")...)
		_, after := lengths(t, bytes.NewReader(changed), 1, changed)
		fresh := 0
		for _, h := range after {
			if !slices.Contains(before, h) {
				fresh++
			}
		}
		if fresh == 0 || fresh > 5 {
			t.Errorf("eight bytes inserted at %d make %d of %d blocks new", at, fresh, len(after))
		}
	}
}

var errRead = errors.New("the disk fails")

func TestReaderThatFails(t *testing.T) {
	for _, size := range []int{0, 100, BytesMin + 1, 3 * BytesMax} {
		data := noise(6, size)
		want, _ := lengths(t, bytes.NewReader(data), 1, data)
		c := New(io.MultiReader(bytes.NewReader(data), iotest.ErrReader(errRead)), [32]byte{1})
		var got []int
		var err error
		for err == nil {
			var block []byte
			if block, err = c.Next(); err == nil {
				got = append(got, len(block))
			}
		}
		if !errors.Is(err, errRead) || len(got) > len(want) || !slices.Equal(got, want[:len(got)]) {
			t.Errorf("%d bytes: blocks %v, %v", size, got, err)
		}
		if _, again := c.Next(); !errors.Is(again, errRead) {
			t.Errorf("asked again: %v", again)
		}
	}
	if _, err := New(iotest.ErrReader(io.ErrUnexpectedEOF), [32]byte{}).Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a stream cut short: %v", err)
	}
}

// Cutters in use at once must not share a buffer, though buffers are reused.
func TestCuttersDoNotDisturbEachOther(t *testing.T) {
	for round := range 3 {
		a, b := noise(byte(10+round), BytesMax), noise(byte(20+round), BytesMax)
		x, y := New(bytes.NewReader(a), [32]byte{1}), New(bytes.NewReader(b), [32]byte{1})
		first, errX := x.Next()
		second, errY := y.Next()
		if errX != nil || errY != nil || !bytes.HasPrefix(a, first) || !bytes.HasPrefix(b, second) {
			t.Fatal("one cutter's block is in the other's buffer", errX, errY)
		}
		for _, c := range []*Cutter{x, y} {
			for err := error(nil); err == nil; _, err = c.Next() {
			}
		}
	}
}

func FuzzCut(f *testing.F) {
	f.Add(uint32(3<<20), byte(1), []byte("some text"))
	f.Fuzz(func(t *testing.T, size uint32, seed byte, pattern []byte) {
		data := noise(seed, int(size%(3*BytesMax)))
		for i := 0; i+len(pattern) < len(data); i += 1 + 2*len(pattern) {
			copy(data[i:], pattern)
		}
		sizes, _ := lengths(t, bytes.NewReader(data), seed, data)
		again, _ := lengths(t, iotest.HalfReader(bytes.NewReader(data)), seed, data)
		if !slices.Equal(sizes, again) {
			t.Fatalf("cut into %v and %v", sizes, again)
		}
	})
}

func BenchmarkCut(b *testing.B) {
	data := noise(7, 64*BytesMax)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		c := New(bytes.NewReader(data), [32]byte{1})
		for err := error(nil); err == nil; _, err = c.Next() {
		}
	}
}

// Small files are most files.
func BenchmarkCutSmall(b *testing.B) {
	var data [8]byte
	for i := 0; b.Loop(); i++ {
		binary.BigEndian.PutUint64(data[:], uint64(i))
		c := New(bytes.NewReader(data[:]), [32]byte{1})
		for err := error(nil); err == nil; _, err = c.Next() {
		}
	}
}
