package rate

import (
	"container/list"
	"sync"
	"time"
)

// Rate is the capacity of a token bucket: Burst at once, then PerSecond.
type Rate struct {
	PerSecond float64
	Burst     int
}

// bucketsMax is the most buckets that one table holds. The least recently used
// one makes room: a flood of fresh keys can forget a bucket of the table by
// peer, but not the one of its address group.
const bucketsMax = 8192

// Buckets is a bounded table of token buckets of one rate.
type Buckets[K comparable] struct {
	rate Rate
	max  int
	now  func() time.Time

	mu     sync.Mutex
	byKey  map[K]*list.Element
	recent *list.List // of *bucket[K], most recently used first
}

type bucket[K comparable] struct {
	key    K
	tokens float64
	at     time.Time // when tokens was right
}

// NewBuckets returns an empty table that reads the time from now.
func NewBuckets[K comparable](rate Rate, now func() time.Time) *Buckets[K] {
	return &Buckets[K]{rate: rate, max: bucketsMax, now: now, byKey: map[K]*list.Element{}, recent: list.New()}
}

// Take takes a token from the bucket of k and reports whether there was one.
func (t *Buckets[K]) Take(k K) bool {
	return t.take(k, 1)
}

// Has reports whether Take would, and takes nothing.
func (t *Buckets[K]) Has(k K) bool { return t.take(k, 0) }

func (t *Buckets[K]) take(k K, tokens float64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	b, now := t.find(k), t.now()
	b.tokens = min(float64(t.rate.Burst), b.tokens+now.Sub(b.at).Seconds()*t.rate.PerSecond)
	b.at = now
	if b.tokens < 1 {
		return false
	}
	b.tokens -= tokens
	return true
}

// find returns the bucket of k, a full one if it is new.
func (t *Buckets[K]) find(k K) *bucket[K] {
	if e, ok := t.byKey[k]; ok {
		t.recent.MoveToFront(e)
		return e.Value.(*bucket[K])
	}
	if t.recent.Len() >= t.max {
		oldest := t.recent.Back()
		delete(t.byKey, t.recent.Remove(oldest).(*bucket[K]).key)
	}
	b := &bucket[K]{key: k, tokens: float64(t.rate.Burst), at: t.now()}
	t.byKey[k] = t.recent.PushFront(b)
	return b
}
