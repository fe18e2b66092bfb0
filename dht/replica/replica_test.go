package replica

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// network runs peers that know each other, in ticks of some seconds.
func network(n int) *world {
	w := newWorld()
	for range n {
		w.add(func(c *Config) { c.Tick = 5 * time.Second })
	}
	for _, m := range w.order {
		m.start()
	}
	time.Sleep(time.Second) // they have met
	return w
}

func key(n int) string { return fmt.Sprintf("/atoll-test/%d", n) }

// missed is what a lookup costs that must be done otherwise, in hops.
const missed = 10

// ask looks records up by Zipf's law, in the order that rank gives, for some
// time, and returns the mean of the hops: 0 for a copy here, else 1 or more, of
// which this counts one.
func (w *world) ask(r *rand.Rand, keys int, rank func(int) int, d time.Duration) float64 {
	weights := make([]float64, keys)
	sum := 0.
	for i := range weights {
		sum += math.Pow(float64(i+1), -.91)
		weights[i] = sum
	}
	asked, hops := 0, 0
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		for range 5 {
			m := w.order[r.IntN(len(w.order))]
			x, i := r.Float64()*sum, 0
			for weights[i] < x {
				i++
			}
			asked++
			if _, found := m.Own(key(rank(i))); found {
				continue
			}
			if _, found := m.Find(m.context(), key(rank(i))); found {
				hops++
			} else if _, held := m.Held(m.context(), key(rank(i))); held {
				m.Asked(key(rank(i))) // its home
			} else {
				hops += missed
			}
		}
	}
	return float64(hops) / float64(asked)
}

func TestPopularRecordsLieWhereTheyAreAskedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const peers, keys, seed = 12, 100, 3
		r := rand.New(rand.NewPCG(seed, 0))
		w := network(peers)
		defer w.stop()
		for i := range keys {
			w.put(key(i), 1)
		}
		same := func(i int) int { return i }
		first := w.ask(r, keys, same, time.Minute)
		w.ask(r, keys, same, 2*time.Minute)
		settled := w.ask(r, keys, same, time.Minute)
		if first < .7 || settled > .6 {
			t.Errorf("seed %d: %.2f hops at first, %.2f in the end; the aim is %.2f", seed, first, settled, HopsWanted)
		}
		if fresh, _ := w.copiesOf(key(0), 1); fresh < peers-1 {
			t.Errorf("the most popular record lies on %d of %d peers", fresh, peers)
		}
		if fresh, _ := w.copiesOf(key(keys-1), 1); fresh > peers/4 {
			t.Errorf("the least popular record lies on %d of %d peers", fresh, peers)
		}
		reversed := w.ask(r, keys, func(i int) int { return keys - 1 - i }, time.Minute)
		w.ask(r, keys, func(i int) int { return keys - 1 - i }, 2*time.Minute)
		again := w.ask(r, keys, func(i int) int { return keys - 1 - i }, time.Minute)
		if reversed < settled+.1 || again > .6 {
			t.Errorf("seed %d: %.2f hops right after the reversal, %.2f later", seed, reversed, again)
		}
		w.ask(r, 1, same, 8*time.Minute) // nobody asks for anything but one record
		if fresh, _ := w.copiesOf(key(keys-1), 1); fresh != 0 {
			t.Errorf("%d copies are left of what nobody asks for", fresh)
		}
	})
}

func TestChangesReachAllCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const peers = 12
		w := network(peers)
		defer w.stop()
		const keys = 20
		for i := range keys {
			w.put(key(i), 1)
		}
		r := rand.New(rand.NewPCG(1, 0))
		w.ask(r, keys, func(i int) int { return i }, 2*time.Minute)
		if fresh, _ := w.copiesOf(key(0), 1); fresh < peers-1 {
			t.Fatalf("%d copies", fresh)
		}
		for version := 2; version < 6; version++ {
			w.put(key(0), version)
			within(t, "all copies are new", time.Second, func() bool {
				fresh, old := w.copiesOf(key(0), version)
				return fresh >= peers-1 && old == 0
			})
		}
		// One that has died takes no copies with it for long: another contact has
		// those that lay behind it.
		w.order[5].stop()
		w.order[11].stop()
		within(t, "the others have copies again", 15*time.Second, func() bool {
			fresh, _ := w.copiesOf(key(0), 5)
			return fresh >= peers-3
		})
	})
}

func TestExpiredRecordsAreNotGivenOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		defer w.stop()
		m := w.add(nil)
		m.start()
		p := w.parent(t, 50, m)
		p.put(key(1), recordUntil(key(1), 1, time.Now().Add(4*time.Second)))
		p.beat(0)
		if _, found := m.Own(key(1)); !found {
			t.Error("a valid record is not given out")
		}
		time.Sleep(4 * time.Second)
		if _, found := m.Own(key(1)); found {
			t.Error("a record that has run out is given out")
		}
		time.Sleep(2 * time.Second)
		if s := m.Status(); s.Copies != 0 {
			t.Errorf("%+v after the only copy has run out", s)
		}
		p.end()
	})
}

func within(t *testing.T, what string, limit time.Duration, done func() bool) {
	t.Helper()
	for begin := time.Now(); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Since(begin) > limit {
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}
