package custodysim

import (
	"math"

	"github.com/atollnet/atoll/objects/plan"
)

// Result is what a run came to.
type Result struct {
	Lost    int // extents of which fewer than K shares were left
	Repairs int
	Deaths  int // of peers

	YearsToLoss float64 // mean, of an extent; +Inf if none was lost
	Traffic     float64 // bytes moved by repairs per byte of data in a year
	// Expected are the closed forms for exponential lifetimes, of which the
	// repair time includes the detection.
	ExpectedYears, ExpectedTraffic float64

	Days []Day

	moved float64 // shares
}

// Day is the state of all extents at the end of a day.
type Day struct {
	Mean    float64 // shares that exist, of an extent that is not lost
	Least   int     // of the weakest
	Waiting int     // repairs
	Moved   float64 // bytes per byte of data, on this day
}

// sample notes how it is now.
func (r *Result) sample(w *world) {
	d := Day{Least: w.N, Waiting: w.queue.Len(), Moved: r.moved}
	sum, count := 0, 0
	for x, n := range w.there {
		if w.gone[x] {
			continue
		}
		sum += int(n)
		count++
		d.Least = min(d.Least, int(n))
	}
	d.Mean = float64(sum) / float64(max(count, 1))
	r.Days = append(r.Days, d)
}

func (r *Result) finish(w *world) {
	data := float64(w.Extents) * float64(w.K)
	r.YearsToLoss = math.Inf(1)
	if r.Lost > 0 {
		r.YearsToLoss = float64(w.Extents) * w.Years / float64(r.Lost)
	}
	r.Traffic = r.moved / data / w.Years
	for i := len(r.Days) - 1; i > 0; i-- {
		r.Days[i].Moved = (r.Days[i].Moved - r.Days[i-1].Moved) / data
	}
	spare := w.Threshold - w.K
	r.ExpectedYears = plan.YearsToLoss(w.K, w.N, spare, w.LifetimeDays, w.DeadAfterHours+w.RepairHours)
	r.ExpectedTraffic = plan.RepairTrafficWithin(w.K, w.N, spare, w.LifetimeDays, w.DeadAfterHours+w.RepairHours) * daysPerYear / w.LifetimeDays
}
