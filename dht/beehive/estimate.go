package beehive

import "math"

const (
	// memory is what an interval weighs beside the next one: estimates rest on
	// the last five intervals or so.
	memory = .8
	// surprise is by how many standard deviations an interval must differ from
	// what was expected for all before it to be forgotten: popularity has
	// changed, and a mean with the past would only delay what follows.
	surprise = 4
	// faint is the count below which nothing is left of an estimate.
	faint = .1
)

// estimate is how often a record is asked for in an interval.
type estimate struct{ count, intervals float64 }

// update takes the count of one more interval into account.
func (e *estimate) update(n float64) {
	expected := e.rate()
	deviation := math.Sqrt(expected + 1)
	if e.intervals > 0 {
		deviation = math.Sqrt(expected*(1+1/e.intervals) + 1)
	}
	if math.Abs(n-expected) > surprise*deviation {
		*e = estimate{}
	}
	e.count, e.intervals = e.count*memory+n, e.intervals*memory+1
	if e.count < faint {
		*e = estimate{}
	}
}

// rate returns the queries expected in the next interval.
func (e *estimate) rate() float64 {
	if e.intervals == 0 {
		return 0
	}
	return e.count / e.intervals
}
