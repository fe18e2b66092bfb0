package demo

import (
	"reflect"
	"slices"
	"testing"
)

func TestPlan(t *testing.T) {
	for seed := range uint64(200) {
		for _, c := range []Config{{Peers: 50, Kill: 16}, {Peers: 2, Kill: 1}, {Peers: 5, Kill: 4}, {Peers: 8, Kill: 1}} {
			c.Seed = seed
			p := makePlan(c)
			if len(p.dead) != c.Kill || !slices.IsSorted(p.dead) || len(slices.Compact(slices.Clone(p.dead))) != c.Kill {
				t.Fatalf("%+v: the dead are %v", c, p.dead)
			}
			if !slices.Contains(p.dead, p.putter) || slices.Contains(p.dead, p.getter) || p.getter >= c.Peers {
				t.Fatalf("%+v: %+v", c, p)
			}
			living := c.Peers - c.Kill - len(p.later)
			if len(p.later) != killedLater(c) || living < 1 || slices.Contains(p.later, p.getter) || slices.Contains(append(p.later, p.dead...), p.third) {
				t.Fatalf("%+v: %+v", c, p)
			}
			if !reflect.DeepEqual(p, makePlan(c)) {
				t.Fatalf("%+v: two plans from one seed", c)
			}
		}
	}
}
