package namesim

import (
	"fmt"
	"time"
)

// Config says what is simulated.
type Config struct {
	Peers     int
	Names     int
	Zipf      float64 // exponent of the popularity of names
	Hops      float64 // the mean that peers aim at
	Intervals int     // analysis intervals before the reversal, and as many after it
	Rate      float64 // queries of one peer in a second
	Dead      float64 // fraction of the peers that do not answer when changes are measured
	Changes   int     // changed names that are measured
	Seed      uint64
	// Progress is told which interval of how many is done; may be nil.
	Progress func(done, of int)
}

// Default returns the network of docs/NAMES-SIM.md.
func Default() Config {
	return Config{
		Peers: 10_000, Names: 1_000_000, Zipf: .91, Hops: .5,
		Intervals: 6, Rate: .5, Dead: .02, Changes: 200, Seed: 1,
	}
}

const (
	// peersMax is where a peer's number has its bound in memory; namesMax keeps
	// the copies, a bit for each peer and name, below some gigabytes.
	peersMax = 1 << 15
	namesMax = 4_000_000
	cellsMax = 1 << 35

	// countBytes is what a count of one name takes in a report, sumBytes what
	// a sum over peers takes, with the question for it.
	countBytes = 72
	sumBytes   = 300
	// link is what a message takes from one peer to another, slow how long a
	// peer waits for one that is dead before it has a stream to another, and sendTime
	// what each message takes of its sender's line (a megabyte in a second).
	link     = 50 * time.Millisecond
	slow     = 400 * time.Millisecond
	sendTime = 700 * time.Microsecond
)

func (c *Config) check() error {
	switch {
	case c.Peers < 2 || c.Peers > peersMax:
		return fmt.Errorf("%d peers: between 2 and %d can be simulated", c.Peers, peersMax)
	case c.Names < 2 || c.Names > namesMax || c.Peers*c.Names > cellsMax:
		return fmt.Errorf("%d names: between 2 and %d, and with the peers %d cells, can be simulated", c.Names, namesMax, cellsMax)
	case c.Zipf < .5 || c.Zipf > 1.5:
		return fmt.Errorf("exponent %v: between 0.5 and 1.5", c.Zipf)
	case c.Hops <= 0:
		return fmt.Errorf("%v hops: more than 0", c.Hops)
	case c.Intervals < 4:
		return fmt.Errorf("%d intervals: 4 or more", c.Intervals)
	case c.Rate <= 0 || c.Dead < 0 || c.Dead >= 1 || c.Changes < 1:
		return fmt.Errorf("rate %v, dead %v, changes %d: out of bounds", c.Rate, c.Dead, c.Changes)
	}
	return nil
}
