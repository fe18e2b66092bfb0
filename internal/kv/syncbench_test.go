package kv

import (
	"fmt"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

// BenchmarkSync makes an update durable: small values, and with a large one.
func BenchmarkSync(b *testing.B) {
	for _, size := range []int{300, 12 << 10} {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			s, err := Open(b.TempDir(), Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			value, n := make([]byte, size), uint64(0)
			for b.Loop() {
				n++
				if err := s.Update(func(w Writer) error { return w.Set(wire.Uint64(n), value) }); err != nil {
					b.Fatal(err)
				}
				if err := s.Sync(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
