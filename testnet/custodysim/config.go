package custodysim

import (
	"fmt"

	"github.com/atollnet/atoll/internal/errs"
)

// Bounds of a simulation: some gigabytes of memory.
const (
	PeersMax   = 100_000
	ExtentsMax = 1_000_000
)

// Config is what is simulated. Times are in days unless said otherwise.
type Config struct {
	Peers, Extents  int
	K, N, Threshold int     // any K of N shares restore an extent; it is repaired at Threshold live ones
	Years           float64 // of virtual time
	Seed            uint64

	Lifetime     Distribution // of a peer, until it is gone for good; another takes its place
	LifetimeDays float64      // its mean
	Availability float64      // the part of its life in which a peer is up; 1: all of it
	AwayHours    float64      // mean of a time in which it is not
	Diurnal      bool         // it is away once a day, all of AwayHours

	DeadAfterHours float64 // silence after which a peer counts as lost
	RepairHours    float64 // mean of a repair from its start to its end
	RepairFixed    bool    // a repair takes RepairHours exactly; else exponentially distributed
	RepairsMax     int     // at once in the whole network; 0: any number

	// FailPart of the peers die at once on day FailDay, if it is not 0.
	FailDay, FailPart float64

	// Renew gives a lost extent a new life, to measure the mean time to loss.
	Renew bool
}

// Default is what is assumed of a network of volunteers.
func Default() Config {
	return Config{
		Peers: 10_000, Extents: 100_000, K: 16, N: 32, Threshold: 28, Years: 1, Seed: 1,
		LifetimeDays: 300, Availability: 0.9, AwayHours: 4, DeadAfterHours: 12, RepairHours: 6,
	}
}

func (c *Config) validate() error {
	bad := func(format string, args ...any) error {
		return errs.New("simulate custody", "", errs.Usage, fmt.Errorf(format, args...))
	}
	switch {
	case c.Peers < 1 || c.Peers > PeersMax || c.Extents < 1 || c.Extents > ExtentsMax:
		return bad("%d peers and %d extents; there may be %d and %d", c.Peers, c.Extents, PeersMax, ExtentsMax)
	case c.K < 1 || c.N <= c.K || c.N > 64 || c.Threshold < c.K || c.Threshold >= c.N:
		return bad("a (%d, %d) code repaired at %d", c.K, c.N, c.Threshold)
	case c.Peers < 2*c.N:
		return bad("%d peers for %d shares: there must be twice as many", c.Peers, c.N)
	case !(c.Years > 0) || !(c.LifetimeDays > 0) || c.RepairHours < 0 || c.DeadAfterHours < 0:
		return bad("a time that is not above zero")
	case !(c.Availability > 0) || c.Availability > 1 || c.Availability < 1 && !(c.AwayHours > 0):
		return bad("availability %v with %v hours away", c.Availability, c.AwayHours)
	case c.FailPart < 0 || c.FailPart > 1:
		return bad("a failure of %v of the peers", c.FailPart)
	}
	if _, err := ParseDistribution(c.Lifetime.String()); err != nil {
		return err
	}
	return nil
}
