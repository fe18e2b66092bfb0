package transfer

import (
	"testing"
	"testing/synctest"

	"github.com/atollnet/atoll/internal/wire"
)

func TestWhatIsPutCanBeRead(t *testing.T) {
	big := []int{1 << 20, 300_000, 1, 512 << 10, 700_001, wire.SealedBytesMax, 256 << 10, 16}
	for name, c := range map[string]struct {
		nodes, k, n int
		sizes       []int
	}{
		"one byte":        {9, 1, 9, []int{1}},
		"replicated":      {9, 1, 9, []int{4096}},
		"small":           {16, 4, 16, []int{30000, 12}},
		"spread":          {32, 16, 32, big},
		"on few peers":    {5, 16, 32, big},
		"on one peer":     {1, 16, 32, big},
		"more than slots": {1, 16, 64, big},
		"full extent":     {32, 16, 32, nil},
	} {
		if name == "full extent" {
			for range 32 {
				c.sizes = append(c.sizes, 200_000)
			}
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, c.nodes)
				want := blocks(1, c.sizes...)
				stored := w.mustPut(t, w.upload(c.k, c.n), want)
				w.check(t, stored)
				f := w.fetcher(t, FetcherConfig{})
				if err := read(t, f, stored.source(), 0, want); err != nil {
					t.Fatal(err)
				}
				last := len(want) - 1
				if err := read(t, f, stored.source(), last, want[last:]); err != nil {
					t.Fatal(err)
				}
			})
		})
	}
}
