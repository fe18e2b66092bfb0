package custodysim

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
)

// Print writes what a run came to.
func (r Result) Print(out io.Writer, c Config) error {
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	least, mean, waited := c.N, 0.0, 0
	for _, d := range r.Days {
		least, waited = min(least, d.Least), max(waited, d.Waiting)
		mean += d.Mean / float64(len(r.Days))
	}
	for _, line := range [][2]string{
		{"simulated", fmt.Sprintf("%d peers, %d extents of (%d,%d) repaired at %d, %.3g years, %v lifetimes of %.0f days", c.Peers, c.Extents, c.K, c.N, c.Threshold, c.Years, c.Lifetime, c.LifetimeDays)},
		{"peers", fmt.Sprintf("%d died; up %.0f %% of the time", r.Deaths, 100*c.Availability)},
		{"lost", fmt.Sprintf("%d extents", r.Lost)},
		{"mean time to loss", fmt.Sprintf("%s years; the closed form says %.3g", atLeast(r, c), r.ExpectedYears)},
		{"repairs", fmt.Sprintf("%d, at most %d waited", r.Repairs, waited)},
		{"repair traffic", fmt.Sprintf("%.2f times the data in a year; the closed form says %.2f", r.Traffic, r.ExpectedTraffic)},
		{"shares", fmt.Sprintf("%.1f of %d exist on average, %d of the weakest on any day", mean, c.N, least)},
	} {
		fmt.Fprintf(t, "%s\t%s\n", line[0], line[1])
	}
	return t.Flush()
}

// atLeast writes the mean time to loss; without a loss it is more than what was
// watched.
func atLeast(r Result, c Config) string {
	if math.IsInf(r.YearsToLoss, 1) {
		return fmt.Sprintf("more than %.3g", float64(c.Extents)*c.Years)
	}
	return fmt.Sprintf("%.3g", r.YearsToLoss)
}

// Setting is a line of the table of published mean times to loss.
type Setting struct {
	K, N, Spare         int
	LifetimeDays, Hours float64
	Years               float64 // to simulate, so that there are some 1,000 losses
}

// Settings are those of the table with a mean time to loss below 500 years:
// exponential lifetimes, and repairs that take so many hours, exponentially
// distributed, from the loss on.
func Settings() []Setting {
	return []Setting{
		{1, 3, 1, 30, 36, 4}, {1, 3, 1, 30, 12, 27}, {1, 3, 1, 90, 36, 82}, {8, 16, 4, 30, 36, 4}, {8, 16, 4, 30, 12, 210},
		{16, 32, 4, 30, 36, 1}, {16, 32, 4, 30, 12, 31}, {16, 32, 4, 90, 36, 91}, {16, 32, 8, 30, 36, 8}, {16, 32, 12, 30, 36, 39}, {16, 64, 8, 30, 36, 23},
	}
}

// peersPerShare is how many peers there are for each share of an extent. With
// few of them extents lose shares together, and the losses of one run say little.
const peersPerShare = 200

// Config returns the simulation of a setting.
func (s Setting) Config(seed uint64) Config {
	return Config{
		Peers: peersPerShare * s.N, Extents: 2000, K: s.K, N: s.N, Threshold: s.K + s.Spare, Years: s.Years, Seed: seed,
		LifetimeDays: s.LifetimeDays, Availability: 1, RepairHours: s.Hours, Renew: true,
	}
}

// String names it as the table does.
func (s Setting) String() string {
	return fmt.Sprintf("(%d,%d,%d) %.0f d %.0f h", s.K, s.N, s.Spare, s.LifetimeDays, s.Hours)
}
