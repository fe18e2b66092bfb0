package runner

import (
	"math"
	"slices"

	"github.com/atollnet/atoll/bft"
)

// withRoundTrips puts what is known of the members' distances before inputs, of
// which a timer's end is one: the timer that follows it, and after load the
// first, are to go by what is so by then. Others start none that matters.
func (s *seat) withRoundTrips(inputs []bft.Input) []bft.Input {
	if s.host.RoundTrip == nil || s.measured && !slices.ContainsFunc(inputs, isTimeout) {
		return inputs
	}
	s.measured = true
	milli := make([]uint32, len(s.ring.Members))
	for i, m := range s.ring.Members {
		if took, known := s.host.RoundTrip(m.Peer); known && i != s.self {
			milli[i] = uint32(min(max(took.Milliseconds(), 0), math.MaxUint32))
		}
	}
	return append([]bft.Input{bft.RoundTrips{Milli: milli}}, inputs...)
}

func isTimeout(in bft.Input) bool {
	_, is := in.(bft.Timeout)
	return is
}
