package chaos

import (
	"math/rand/v2"
	"time"
)

// way is how something breaks.
type way int

const (
	kill  way = iota // SIGKILL, and a new start
	pause            // SIGSTOP, and SIGCONT
	cut              // no network, and network again
	ways
)

func (w way) String() string { return [...]string{"killed", "paused", "cut off"}[w] }

// breakage is one thing that goes wrong.
type breakage struct {
	after time.Duration // since the one before was mended
	way   way
	// whom: the leader of the log's ring, some member of the log's or of the
	// volume's ring, or the log's whole ring.
	whom target
	pick int // which member, of those there are
	last time.Duration
}

type target int

const (
	logLeader target = iota
	logMember
	volumeMember
	logRing
)

func (t target) String() string {
	return [...]string{"the log's leader", "a member of the log's ring", "a member of the volume's ring", "the log's whole ring"}[t]
}

// Of the times that things stay broken: long enough for a view to change, or for
// nothing to change, and too short for a member to be replaced.
const (
	brokenMin = 100 * time.Millisecond
	brokenMax = 4 * time.Second
	pauseMax  = 1500 * time.Millisecond
	// ringEvery is how often, of so many breakages, a whole ring goes at once.
	ringEvery = 8
)

// plan returns endless breakages; the same seed gives the same.
func plan(seed uint64) func() breakage {
	random := rand.New(rand.NewPCG(seed, 7))
	upTo := func(d time.Duration) time.Duration { return time.Duration(random.Int64N(int64(d))) }
	return func() breakage {
		b := breakage{
			after: upTo(pauseMax), way: way(random.IntN(int(ways))), whom: target(random.IntN(int(logRing))), pick: random.IntN(1 << 16),
			last: brokenMin + upTo(brokenMax-brokenMin),
		}
		if random.IntN(ringEvery) == 0 {
			b.whom = logRing
		}
		return b
	}
}
