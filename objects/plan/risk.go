package plan

import "math"

// Risk is the probability that an extent is lost within a year.
//
// It begins at alive shares of n, any k of which restore it, and is repaired to
// n when no more than k+r live. Until the first repair it falls as it stands
// now; from then on it is one of many, lost at the rate of YearsToLoss. Fewer
// than k live shares are a loss already.
func Risk(k, alive, n, r int, lifetimeDays, repairHours float64) float64 {
	if alive < k {
		return 1
	}
	now := 0.0 // to fall below k before the repair that is due is done
	if alive <= k+r {
		lambda, mu := 1/lifetimeDays, hoursPerDay/repairHours
		now = 1
		for i := k; i <= alive; i++ {
			loss := float64(i) * lambda
			now *= loss / (loss + mu)
		}
	}
	later := -math.Expm1(-1 / YearsToLoss(k, n, r, lifetimeDays, repairHours))
	return now + (1-now)*later
}

// RepairTrafficWithin is RepairTraffic for repairs that take repairHours on
// average, during which further shares are lost and are rebuilt with the others,
// by a custodian who holds none himself: k shares are read and n-k-r or more
// written. For short repairs it is RepairTraffic and one share more.
func RepairTrafficWithin(k, n, r int, lifetimeDays, repairHours float64) float64 {
	var fall float64 // mean lifetimes from n live shares to k+r
	for i := k + r + 1; i <= n; i++ {
		fall += 1 / float64(i)
	}
	during := repairHours / hoursPerDay / lifetimeDays
	more := float64(k+r) * during / (1 + during) // of the k+r that live when it begins
	return (float64(n-r) + more) / float64(k) / (fall + during)
}

// RiskOn is Risk for shares of which several lie on one holder, and are lost
// with it: holders are counted in place of shares.
func RiskOn(g Goal, k, alive, n, repairAt, holders int) float64 {
	g = g.bounded()
	if alive < k || holders < 1 {
		return 1
	}
	each := ceil(alive, holders)
	needed, all, at := ceil(k, each), ceil(n, each), repairAt/each
	if g.Peers > 0 {
		all = min(all, g.Peers) // what is lost cannot be rebuilt on peers that are not there
	}
	all = max(all, holders)
	return Risk(needed, holders, all, max(min(at-needed, all-needed-1), 0), g.LifetimeDays, g.RepairHours)
}

func ceil(a, b int) int { return (a + b - 1) / b }
