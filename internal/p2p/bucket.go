package p2p

import (
	"time"

	"github.com/atollnet/atoll/internal/rate"
)

// Rate is the capacity of a token bucket: Burst at once, then PerSecond.
type Rate = rate.Rate

// Buckets is a bounded table of token buckets of one rate.
type Buckets[K comparable] = rate.Buckets[K]

// NewBuckets returns an empty table that reads the time from now.
func NewBuckets[K comparable](r Rate, now func() time.Time) *Buckets[K] {
	return rate.NewBuckets[K](r, now)
}
