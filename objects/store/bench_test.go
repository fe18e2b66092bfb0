package store

import (
	"io"
	"testing"

	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

func badgerStore(b *testing.B) kv.Store {
	b.Helper()
	store, err := kv.Open(b.TempDir(), kv.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := store.Close(); err != nil {
			b.Error(err)
		}
	})
	return store
}

func BenchmarkSlice(b *testing.B) {
	s := open(b, badgerStore(b), Config{})
	in := large(b, 1)
	put(b, s, in)
	id := in.Manifest.ID()
	b.SetBytes(int64(len(in.Data)))
	for b.Loop() {
		if err := s.Slice(io.Discard, id, in.Index, 0, len(in.Data)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkPut(b *testing.B) {
	s := open(b, badgerStore(b), Config{QuotaBytes: 1 << 40})
	all := make([]Incoming, 64)
	for i := range all {
		all[i] = large(b, byte(i))
	}
	b.SetBytes(int64(len(all[0].Data)))
	b.ResetTimer()
	for i := range b.N {
		in := all[i%len(all)]
		in.Object = wire.ObjectID{byte(i / len(all))}
		if err := s.Put(in); err != nil {
			b.Fatal(err)
		}
	}
}
