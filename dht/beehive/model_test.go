package beehive

import (
	"math"
	"testing"
)

// What the authors of Beehive and CoDoNS, and docs/DESIGN.md, state.
func TestPublishedValues(t *testing.T) {
	for _, c := range []struct {
		name    string
		model   Model
		objects []float64 // at each level or a lower one
		perNode float64   // fraction of all records
		within  float64
	}{
		{"NSDI 2004, section 3", Model{32, 1e4, 1e6, .9, 1}, []float64{1100, 52000}, 3640e-6, .02},
		{"one-bit digits", Model{2, 1000, 1e6, .91, 1}, nil, .14, .01},
		{"four-bit digits", Model{16, 1000, 1e6, .91, 1}, nil, .0070, .01},
		{"half a hop", Model{16, 1e4, 1e6, .91, .5}, nil, .052, .01},
		{"no copies are needed", Model{16, 1e4, 1e6, .91, 5}, nil, 1, 0},
		{"a lone peer", Model{16, 1, 1e6, .91, .5}, nil, 1, 0},
	} {
		x := c.model.Fractions()
		if c.objects != nil && len(x) != len(c.objects) {
			t.Errorf("%s: %d levels, want %d", c.name, len(x), len(c.objects))
			continue
		}
		for i, want := range c.objects {
			if got := x[i] * c.model.Records; math.Abs(got/want-1) > c.within {
				t.Errorf("%s: %.0f objects at level %d, want %.0f", c.name, got, i, want)
			}
		}
		if got := c.model.Storage(); math.Abs(got/c.perNode-1) > c.within {
			t.Errorf("%s: %.5f of the records on a peer, want %.5f", c.name, got, c.perNode)
		}
	}
}

// The mean of hops that a solution gives is the one asked for, whatever the
// exponent: near 1 and above it too.
func TestSolutionsGiveTheirMean(t *testing.T) {
	for _, alpha := range []float64{.5, .8, .91, 1 - 1e-5, 1, 1 + 1e-5, 1.2, 1.5} {
		for _, hops := range []float64{.3, .5, .8, 1} {
			m := Model{16, 1e4, 1e6, alpha, hops}
			x := m.Fractions()
			mean := float64(len(x))
			for i, f := range x {
				if i > 0 && f < x[i-1] || f > 1 || f <= 0 {
					t.Errorf("%+v: fractions %v", m, x)
				}
				if alpha == 1 {
					mean -= math.Log(f*m.Records) / math.Log(m.Records)
				} else {
					mean -= (math.Pow(f*m.Records, 1-alpha) - 1) / (math.Pow(m.Records, 1-alpha) - 1)
				}
			}
			if math.Abs(mean-hops) > 1e-3 {
				t.Errorf("%+v: a mean of %.4f hops", m, mean)
			}
		}
	}
}
