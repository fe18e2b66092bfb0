package custody

// measuredMin is how many seconds must have been watched before what was seen
// of peers replaces what is assumed of them: a week.
const measuredMin = 7 * 24 * 3600

// The lifetime that is assumed counts as one loss that was seen, so that few
// losses in a short time do not decide.
const assumedLifetimeDays = 300

const secondsPerDay = 24 * 3600

// Measured is what a custodian has seen of the peers that hold its shares, in
// seconds during which it was awake and connected.
type Measured struct {
	Seconds  float64 // watched
	Peers    float64 // seconds that peers have been watched, those lost left out
	Answered float64 // of these, in which the peer answered
	Lost     uint64  // peers that became lost
}

// Step counts a step of so many seconds.
func (m Measured) Step(peers, answering, lost int, seconds float64) Measured {
	m.Seconds += seconds
	m.Peers += float64(peers) * seconds
	m.Answered += float64(answering) * seconds
	m.Lost += uint64(lost)
	return m
}

// Figures returns the part of the time that a peer is up, and how many days one
// lives on average; ok is false until a week has been watched.
func (m Measured) Figures() (availability, lifetimeDays float64, ok bool) {
	if m.Seconds < measuredMin || m.Peers <= 0 {
		return 0, 0, false
	}
	return m.Answered / m.Peers, (m.Peers/secondsPerDay + assumedLifetimeDays) / float64(m.Lost+1), true
}
