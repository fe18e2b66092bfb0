package plan

import "math"

const (
	daysPerYear = 365.25
	hoursPerDay = 24
)

// Unavailability returns the probability that fewer than k of n holders are
// up, each being up with probability a, independently. It keeps its relative
// precision however small it is.
func Unavailability(k, n int, a float64) float64 {
	var sum float64
	for up := range k {
		sum += math.Exp(logChoose(n, up) + float64(up)*math.Log(a) + float64(n-up)*math.Log1p(-a))
	}
	return sum
}

func logChoose(n, k int) float64 {
	lg := func(x int) float64 { v, _ := math.Lgamma(float64(x + 1)); return v }
	return lg(n) - lg(k) - lg(n-k)
}

// YearsToLoss returns the mean time in years until fewer than k of n shares
// live. Holders live lifetimeDays on average, exponentially; when no more than
// k+r shares live, a repair begins that takes repairHours on average,
// exponentially, and restores all n.
//
// It is the absorption time of a birth–death chain. With T(i) the time from i
// live shares on, λ = 1/lifetime and μ = 1/repair:
//
//	T(k-1) = 0
//	T(i)   = 1/iλ + T(i-1)                                  for i > k+r
//	T(i)   = (1 + iλ T(i-1) + μ T(n)) / (iλ + μ)            for i ≤ k+r
//
// Each T(i) is held as A + (1-C)·T(n). C, the probability of loss before the
// next repair, is computed as a product and so stays exact far below the point
// at which 1-C rounds to 1; then T(n) = A(n)/C(n).
func YearsToLoss(k, n, r int, lifetimeDays, repairHours float64) float64 {
	lambda, mu := 1/lifetimeDays, hoursPerDay/repairHours
	a, c := 0.0, 1.0
	for i := k; i <= n; i++ {
		loss := float64(i) * lambda
		if i > k+r {
			a += 1 / loss
			continue
		}
		a = (1 + loss*a) / (loss + mu)
		c *= loss / (loss + mu)
	}
	return a / c / daysPerYear
}

// ninesPerYear returns how many nines there are in the probability that a mean
// time to loss of so many years outlasts one year.
func ninesPerYear(years float64) float64 {
	return -math.Log10(-math.Expm1(-1 / years))
}

// RepairTraffic returns the bytes that repair moves, per byte of unique data
// and mean lifetime, when (k, n) is repaired at k+r live shares: n-r-1 shares'
// worth (k to read, the rest to write) for each fall from n to k+r. Slow repair
// batches more losses, so it is an upper bound.
func RepairTraffic(k, n, r int) float64 {
	var fall float64 // mean lifetimes from n live shares to k+r
	for i := k + r + 1; i <= n; i++ {
		fall += 1 / float64(i)
	}
	return float64(n-r-1) / float64(k) / fall
}

// Stretch returns n/k such that blocks of k fragments are available with sigma
// standard deviations of confidence on holders that are up with probability a
// (the normal approximation of Total Recall; 3.7 is four nines, 4.7 six).
func Stretch(a, k, sigma float64) float64 {
	spread := sigma * sigma * a * (1 - a) / k
	root := (math.Sqrt(spread) + math.Sqrt(spread+4*a)) / (2 * a)
	return root * root
}
