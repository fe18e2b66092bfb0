package beehive

import (
	"math/rand/v2"
	"testing"
)

// A counter that others fill keeps its limit and what is asked often, and never
// counts too much.
func TestCounterIsBounded(t *testing.T) {
	const max, often = 100, 5
	c := NewCounter[int](max)
	r := rand.New(rand.NewPCG(1, 1))
	asked := map[int]uint32{}
	add := func(key int) {
		asked[key]++
		c.Add(key, 1)
		if c.Len() > max {
			t.Fatalf("%d keys, limit %d", c.Len(), max)
		}
	}
	for range 20_000 {
		add(1000 + r.IntN(10_000))
		add(r.IntN(often))
	}
	found := map[int]uint32{}
	for _, e := range c.Drain() {
		if found[e.Key] = e.N; e.N > asked[e.Key] {
			t.Errorf("key %d: counted %d times, asked for %d times", e.Key, e.N, asked[e.Key])
		}
	}
	for key := range often {
		if found[key] < asked[key]/2 {
			t.Errorf("key %d was asked for %d times, counted %d", key, asked[key], found[key])
		}
	}
	if c.Len() != 0 {
		t.Errorf("%d keys are left", c.Len())
	}
}

func TestCountsDoNotOverflow(t *testing.T) {
	c := NewCounter[int](1)
	c.Add(1, ^uint32(0)-1)
	c.Add(1, 5)
	if got := c.Drain()[0].N; got != ^uint32(0) {
		t.Errorf("counted %d", got)
	}
}

// An estimate settles on a steady rate, follows a change at once, and fades.
func TestEstimateFollowsChange(t *testing.T) {
	var e estimate
	for _, n := range []float64{98, 104, 101, 95, 102} {
		e.update(n)
	}
	if r := e.rate(); r < 98 || r > 103 {
		t.Errorf("a rate of %.1f after five intervals of about 100", r)
	}
	if e.update(2000); e.rate() != 2000 {
		t.Errorf("a rate of %.1f right after a leap to 2000", e.rate())
	}
	for range 40 {
		e.update(0)
	}
	if e.rate() != 0 || e.count != 0 {
		t.Errorf("%+v is left of what nobody asks for", e)
	}
}
