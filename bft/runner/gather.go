package runner

import "time"

const (
	// gatherPart is which part of the time that a version takes the next one may
	// be held back, gatherMax the most of it: on one machine, users who were
	// answered are back in less.
	gatherPart = 2
	gatherMax  = 20 * time.Millisecond
)

// pace is how long a version takes, and how many updates of this member's users
// the last one held.
type pace struct {
	began    time.Time
	took     time.Duration
	answered int
}

func (p *pace) begin(now time.Time) { p.began = now }

func (p *pace) end(now time.Time, answered int) {
	p.took, p.answered = now.Sub(p.began), answered
}

// gather waits until as many updates have come as were just answered, or until it
// is not worth the while any more. Users who always have one under way are
// ordered together then, and not in two halves by turns. Nobody waits longer for
// it than half of what a version takes.
func (s *seat) gather() {
	wait := min(s.commits.took/gatherPart, gatherMax)
	s.mu.Lock()
	if s.commits.answered < 2 || s.submits >= s.commits.answered || wait == 0 {
		s.mu.Unlock()
		return
	}
	s.awaited = s.commits.answered
	s.mu.Unlock()
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-s.gathered:
		return
	case <-timer.C:
	case <-s.host.ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.awaited == 0 { // they came just now
		<-s.gathered
	}
	s.awaited = 0
}
