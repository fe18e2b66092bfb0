package rate

import (
	"testing"
	"time"
)

func TestBucketsRefillAndStayBounded(t *testing.T) {
	now := time.Unix(0, 0)
	b := NewBuckets[int](Rate{PerSecond: 2, Burst: 3}, func() time.Time { return now })
	for i, want := range []bool{true, true, true, false} {
		if got := b.Has(0); got != want {
			t.Errorf("before take %d: %v, want %v", i, got, want)
		}
		if got := b.Take(0); got != want {
			t.Errorf("take %d = %v, want %v", i, got, want)
		}
	}
	now = now.Add(500 * time.Millisecond)
	if !b.Take(0) || b.Take(0) {
		t.Error("half a second at two a second is not one token")
	}
	now = now.Add(time.Hour)
	for i := range 4 {
		if got := b.Take(0); got != (i < 3) {
			t.Errorf("after an hour, take %d = %v", i, got)
		}
	}
	for k := range 3 * bucketsMax {
		b.Take(k)
	}
	if len(b.byKey) != bucketsMax || b.recent.Len() != bucketsMax {
		t.Errorf("the table holds %d buckets, limit %d", len(b.byKey), bucketsMax)
	}
}
