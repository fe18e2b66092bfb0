package custodysim

import (
	"math"
	"math/rand/v2"

	"github.com/atollnet/atoll/internal/errs"
)

// Distribution is how the lifetimes of peers are distributed.
type Distribution uint8

// The distributions.
const (
	// Exponential lifetimes have no memory; the closed forms assume them.
	Exponential Distribution = iota
	// HeavyTailed lifetimes are Weibull with shape 0.6: many peers leave soon,
	// those that have stayed stay long.
	HeavyTailed
	// TraceLike lifetimes are of two kinds, as traces of volunteers show: three
	// in ten peers try it for a tenth of the mean, the others stay.
	TraceLike
)

var distributionNames = []string{"exponential", "heavy-tailed", "trace-like"}

func (d Distribution) String() string {
	if int(d) < len(distributionNames) {
		return distributionNames[d]
	}
	return "unknown"
}

// ParseDistribution parses a name.
func ParseDistribution(name string) (Distribution, error) {
	for i, n := range distributionNames {
		if n == name {
			return Distribution(i), nil
		}
	}
	return 0, errs.Newf("read distribution", name, errs.Usage, "lifetimes are %q", distributionNames)
}

const (
	weibullShape = 0.6
	// triers leave after a part of the mean lifetime; the others' mean makes up
	// for it.
	triers, triersPart = 0.3, 0.1
)

// draw returns a lifetime with that mean.
func (d Distribution) draw(r *rand.Rand, mean float64) float64 {
	switch d {
	case HeavyTailed:
		return mean / math.Gamma(1+1/weibullShape) * math.Pow(r.ExpFloat64(), 1/weibullShape)
	case TraceLike:
		if r.Float64() < triers {
			return triersPart * mean * r.ExpFloat64()
		}
		return mean * (1 - triers*triersPart) / (1 - triers) * r.ExpFloat64()
	}
	return mean * r.ExpFloat64()
}
