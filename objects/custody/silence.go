package custody

// Silence is for how long a peer has not answered, in seconds during which the
// custodian itself was awake and connected. It is counted, not taken from a
// clock: neither a laptop that slept for a week nor a clock that jumps makes
// anybody look lost.
type Silence struct {
	Seconds float64
}

// stepMax is the most seconds that one step counts, as a multiple of the
// caller's usual step: more passed only if this peer did not run.
const stepMax = 3

// Step counts a step of so many seconds, usual ones being the caller's tick.
// answers says that the peer answered lately; cutOff, that this peer hears from
// so few that the fault is likely its own.
func (s Silence) Step(answers, cutOff bool, seconds, usual float64) Silence {
	switch {
	case answers:
		return Silence{}
	case cutOff || !(seconds > 0):
		return s
	}
	s.Seconds += min(seconds, stepMax*usual)
	return s
}

// IsLost reports whether the peer counts as lost for good.
func (s Silence) IsLost(deadAfter float64) bool { return s.Seconds >= deadAfter }

// CutOff reports whether a peer that hears from so many of the others that it
// knows had better blame itself. Half of all peers failing at once is the most
// that a repair could mend with (k, 2k) codes; three in four is a cable.
func CutOff(answering, known int) bool { return known > 0 && answering*4 < known }
