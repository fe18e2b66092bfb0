package beehive

import "math"

const (
	// Rates are counted in Buckets buckets, four for each factor of two, from
	// rateMin queries in an interval on.
	Buckets = 128
	rateMin = 1. / 16
	perTwo  = 4

	// How far a fit may go: real exponents lie well within.
	alphaMin = .5
	alphaMax = 1.5
	// fitRateMin is the rate from which on an estimate is good enough to fit
	// an exponent to, fitPointsMin the buckets that a fit needs.
	fitRateMin   = 8
	fitPointsMin = 8
)

// Summary says how popular the records of some peers are.
type Summary struct {
	Peers   uint64
	Unasked uint64          // records that nobody asks for
	Asked   [Buckets]uint64 // records by rate
}

func bucketOf(rate float64) int {
	b := math.Floor(math.Log2(rate/rateMin) * perTwo)
	return int(min(max(b, 0), Buckets-1))
}

func bucketFloor(b int) float64 { return rateMin * math.Exp2(float64(b)/perTwo) }

// Add adds the summary of other peers.
func (s *Summary) Add(o *Summary) {
	s.Peers = sum64(s.Peers, o.Peers)
	s.Unasked = sum64(s.Unasked, o.Unasked)
	for i, n := range &o.Asked {
		s.Asked[i] = sum64(s.Asked[i], n)
	}
}

// sum64 is a sum that stays at its limit, whatever a hostile peer claims.
func sum64(a, b uint64) uint64 { return a + min(b, math.MaxUint64-a) }

// Records returns how many records the summary speaks of.
func (s *Summary) Records() float64 {
	n := float64(s.Unasked)
	for _, asked := range &s.Asked {
		n += float64(asked)
	}
	return n
}

// fit fits the exponent of Zipf's law: on logarithmic scales the rate falls
// with the rank on a straight line of that slope. Buckets of few queries are
// left out, for there the noise of counting decides about ranks. The least
// squares are weighted by the number of records, up to a limit at which a
// bucket is as good as any. It is not ok if too little is known.
func (s *Summary) fit() (alpha float64, ok bool) {
	const enough = 100
	var w, x, y, xx, xy, rank float64
	points := 0
	for b := Buckets - 1; b >= 0 && bucketFloor(b) >= fitRateMin; b-- {
		n := float64(s.Asked[b])
		rank += n
		if n == 0 {
			continue
		}
		points++
		weight, lx, ly := math.Min(n, enough), math.Log(rank), math.Log(bucketFloor(b))
		w, x, y, xx, xy = w+weight, x+weight*lx, y+weight*ly, xx+weight*lx*lx, xy+weight*lx*ly
	}
	spread := w*xx - x*x
	if points < fitPointsMin || spread <= 0 {
		return 0, false
	}
	return min(max(-(w*xy-x*y)/spread, alphaMin), alphaMax), true
}

// rateAt returns the rate of the record with the given rank, or 0 if that one
// is not asked for. Within a bucket ranks are taken to lie evenly.
func (s *Summary) rateAt(rank float64) float64 {
	for b := Buckets - 1; b >= 0; b-- {
		n := float64(s.Asked[b])
		if rank <= n && n > 0 {
			return bucketFloor(b) * math.Exp2((1-rank/n)/perTwo)
		}
		rank -= n
	}
	return 0
}
