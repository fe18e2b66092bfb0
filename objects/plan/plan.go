package plan

// The code of large extents. Sixteen shares restore an extent; there are never
// fewer than twice and never more than four times as many.
const (
	dataShares = 16
	sharesMin  = 32
	sharesMax  = 64
	sharesStep = 8
)

// Repair thresholds are tried in steps of a quarter of k, from half of k to
// three quarters of the parity: lifetimes are not known well enough for finer
// steps, fewer leave no time for a repair, and more would repair after
// almost every loss.
const (
	repairMin  = dataShares / 2
	repairStep = dataShares / 4
)

func repairMax(k, n int) int { return (n - k) * 3 / 4 }

// unavailabilityMax is how often an extent may be unreadable because too many
// holders are down at once, though none is lost.
const unavailabilityMax = 1e-8

// Goal is what is wanted and what is known of the peers.
type Goal struct {
	NinesPerYear float64 // durability of an extent over a year, as nines; 11 is 1-10^-11
	Availability float64 // the part of the time that a peer is up, between 0 and 1
	LifetimeDays float64 // mean, until a peer is gone for good
	RepairHours  float64 // mean, from the loss that calls for a repair to its end, detection included
	Peers        int     // at hand, this one included; 0 if it is not known
}

// DefaultGoal is what is assumed until a week has been measured.
func DefaultGoal() Goal {
	return Goal{NinesPerYear: 11, Availability: 0.9, LifetimeDays: 300, RepairHours: 36}
}

// bounded keeps a goal to what the formulas take: measured values can be
// anything.
func (g Goal) bounded() Goal {
	return Goal{
		NinesPerYear: g.NinesPerYear,
		Availability: within(g.Availability, 0.01, 1-1e-9),
		LifetimeDays: within(g.LifetimeDays, 0.1, 1e6),
		RepairHours:  within(g.RepairHours, 0.1, 1e6),
		Peers:        max(g.Peers, 0),
	}
}

// within also brings what is not a number to lo.
func within(x, lo, hi float64) float64 {
	if !(x > lo) {
		return lo
	}
	return min(x, hi)
}

// Redundancy is a plan, and what it achieves.
type Redundancy struct {
	K, N            int // any K of N shares restore an extent
	RepairAt        int // repair when no more than so many shares live
	Enough          int // shares that must be stored before an extent counts as stored
	SharesPerHolder int // at most, with the peers at hand
	HoldersLost     int // so many holders may be lost at once, whichever they are

	Nines          float64 // of durability per extent and year, if holders fail independently
	Unavailability float64 // probability that too many holders are down at once
}

// Plan returns the code with the fewest shares, and for it the latest repair,
// that reaches the goal; if none does, the one that comes nearest. Nines and
// Unavailability say what is reached, few peers taken into account.
func Plan(g Goal) Redundancy {
	g = g.bounded()
	n, r := search(g)
	return Redundancy{K: dataShares, N: n, RepairAt: dataShares + r}.on(g)
}

// search returns the number of shares and how many above k call for a repair.
func search(g Goal) (n, r int) {
	for n = sharesMin; n <= sharesMax; n += sharesStep {
		if Unavailability(dataShares, n, g.Availability) > unavailabilityMax {
			continue
		}
		for r = repairMin; r <= repairMax(dataShares, n); r += repairStep {
			if ninesPerYear(YearsToLoss(dataShares, n, r, g.LifetimeDays, g.RepairHours)) >= g.NinesPerYear {
				return n, r
			}
		}
	}
	return sharesMax, repairMax(dataShares, sharesMax)
}

// on fills in what the code comes to on the peers at hand.
func (p Redundancy) on(g Goal) Redundancy {
	holders := p.N
	if g.Peers > 0 {
		holders = min(g.Peers, p.N)
	}
	p.Enough = Enough(p.K, p.N, holders)
	p.SharesPerHolder = evenly(p.K, p.N, holders)
	p.HoldersLost = holdersLost(p.K, p.N, holders)
	// Shares on one holder live and die together, so holders are what the
	// chain counts: so many of them restore an extent, and a repair begins when
	// so many lost ones bring the shares to the threshold.
	needed := holders - p.HoldersLost
	lostAtRepair := (p.N - p.RepairAt + p.SharesPerHolder - 1) / p.SharesPerHolder
	spare := max(p.HoldersLost-lostAtRepair, 0)
	p.Nines = ninesPerYear(YearsToLoss(needed, holders, spare, g.LifetimeDays, g.RepairHours))
	p.Unavailability = Unavailability(needed, holders, g.Availability)
	return p
}

// Extents up to these sizes, in bytes, are too small for the plan's code: most
// of each share would be proofs and receipts.
const (
	tinyBytesMax  = 4 << 10
	smallBytesMax = 32 << 10
)

// ForExtent returns the code for an extent of so many bytes, sealing included.
func ForExtent(p Redundancy, bytes int64) (k, n int) {
	switch {
	case bytes <= tinyBytesMax:
		return 1, 9
	case bytes <= smallBytesMax:
		return 4, 16
	}
	return p.K, p.N
}

// Threshold returns at how many live shares a (k, n) extent is repaired: as
// planned if it has the plan's code; for any other, small extents and those
// from before the plan changed, when a quarter of its parity is lost.
func (p Redundancy) Threshold(k, n int) int {
	if k == p.K && n == p.N {
		return p.RepairAt
	}
	return k + repairMax(k, n)
}

// Enough returns how many of n shares must be stored, on so many distinct
// holders, before an extent counts as stored: two thirds of the parity beside
// k. A single holder keeps no more than k, since it loses all of them at once.
func Enough(k, n, holders int) int {
	if holders <= 1 {
		return k
	}
	return k + (2*(n-k)+2)/3
}
