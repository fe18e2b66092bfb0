//go:build !race

package objects

// With the race detector sync.Pool drops a part of what is put back, at random,
// so that what is allocated means nothing there.

import (
	"math"
	"runtime"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

const (
	// preparedBytesMax is what a byte of content may cost in memory that is
	// allocated for it: one sealed, one of parity, and a fifth for all else.
	preparedBytesMax = 2.2
	// preparedAllocsMax bounds the allocations for each block.
	preparedAllocsMax = 40
)

// Time depends on the machine; what is allocated does not. The least of a few
// runs counts: a collection in between empties the pools.
func TestPreparingAllocatesTwiceTheContent(t *testing.T) {
	content, secrets := preparing(8 << 20)
	blocks := prepare(t, content, secrets)
	part, each := math.Inf(1), math.Inf(1)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		prepare(t, content, secrets)
		runtime.ReadMemStats(&after)
		part = min(part, float64(after.TotalAlloc-before.TotalAlloc)/float64(len(content)))
		each = min(each, float64(after.Mallocs-before.Mallocs)/float64(blocks))
	}
	if part > preparedBytesMax {
		t.Errorf("%.2f bytes were allocated for each byte, at most %.1f should be", part, preparedBytesMax)
	}
	if each > preparedAllocsMax {
		t.Errorf("%.0f allocations for each block of at most %d bytes, at most %d should be", each, wire.BlockBytesMax, preparedAllocsMax)
	}
}
