package transfer

import (
	"testing"
)

// BenchmarkPut and BenchmarkGet move extents of 16 MiB through pipes in memory;
// what they cost is coding, hashing and this package.
func BenchmarkPut(b *testing.B) {
	w, all := benchWorld(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.put(w.upload(16, 32), all); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	w, all := benchWorld(b)
	stored, err := w.put(w.upload(16, 32), all)
	if err != nil {
		b.Fatal(err)
	}
	f := NewFetcher(FetcherConfig{Network: w})
	defer f.Close()
	b.ReportAllocs()
	for b.Loop() {
		err := f.Read(w.ctx, stored.source(), 0, len(all), func(int, []byte) error { return nil })
		if err != nil {
			b.Fatal(err)
		}
	}
}

func benchWorld(b *testing.B) (*world, [][]byte) {
	b.SetBytes(16 << 20)
	sizes := make([]int, 32)
	for i := range sizes {
		sizes[i] = 512 << 10
	}
	return newWorld(b, 32), blocks(1, sizes...)
}
