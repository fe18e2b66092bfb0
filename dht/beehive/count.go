package beehive

import "slices"

// Count is how often a record was asked for.
type Count[K comparable] struct {
	Key K
	N   uint32
}

// Counter counts keys in bounded memory (Misra and Gries, 1982): beyond its
// limit the rarer half is dropped and the rest lowered by as much, so that no
// count is too high and what is asked often is never lost.
type Counter[K comparable] struct {
	max    int // keys
	index  map[K]int
	counts []Count[K]
}

// NewCounter returns a counter of at most max keys.
func NewCounter[K comparable](max int) *Counter[K] {
	return &Counter[K]{max: max, index: map[K]int{}}
}

// Add counts a key n times more.
func (c *Counter[K]) Add(key K, n uint32) {
	if i, ok := c.index[key]; ok {
		c.counts[i].N = saturated(c.counts[i].N, n)
		return
	}
	if len(c.counts) >= c.max {
		c.purge()
	}
	c.index[key] = len(c.counts)
	c.counts = append(c.counts, Count[K]{key, n})
}

// Has reports whether a key is counted.
func (c *Counter[K]) Has(key K) bool {
	_, ok := c.index[key]
	return ok
}

func saturated(a, b uint32) uint32 { return a + min(b, ^uint32(0)-a) }

// purge makes room by at least half.
func (c *Counter[K]) purge() {
	sizes := make([]uint32, len(c.counts))
	for i, e := range c.counts {
		sizes[i] = e.N
	}
	slices.Sort(sizes)
	median := sizes[len(sizes)/2]
	c.counts = slices.DeleteFunc(c.counts, func(e Count[K]) bool { return e.N <= median })
	clear(c.index)
	for i := range c.counts {
		c.counts[i].N -= median
		c.index[c.counts[i].Key] = i
	}
}

// Len returns how many keys are counted.
func (c *Counter[K]) Len() int { return len(c.counts) }

// Drain returns the counts in the order in which the keys came, and forgets
// them. The result is valid until the next Add.
func (c *Counter[K]) Drain() []Count[K] {
	counts := c.counts
	c.counts = c.counts[:0]
	clear(c.index)
	return counts
}
