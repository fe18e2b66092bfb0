package plan

import (
	"math"
	"math/rand/v2"
	"testing"
)

// near fails the test unless got is within a fraction of want.
func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if !(math.Abs(got-want) <= tolerance*want) {
		t.Errorf("%s: %.4g, want %.4g within %g %%", what, got, want, 100*tolerance)
	}
}

// The published figures have two digits, so they are met within 5 %.
const published = 0.05

func TestUnavailability(t *testing.T) {
	for _, c := range []struct {
		k, n    int
		a, want float64
	}{
		{8, 16, .9, 5.9e-6},
		{16, 32, .9, 1.3e-9}, {16, 32, .8, 3.3e-5}, {16, 32, .75, 6.0e-4}, {16, 32, .5, .43},
		{16, 48, .75, 2.3e-10}, {16, 64, .5, 1.2e-5},
		{5, 48, .4, 9.9e-7}, // Glacier
		{1, 9, .9, 1e-9},
		{1, 1, .9, .1},
	} {
		near(t, "unavailability", Unavailability(c.k, c.n, c.a), c.want, published)
	}
	if got := Unavailability(16, 64, 1-1e-6); !(got > 0) || got > 1e-270 {
		t.Errorf("unavailability on peers that are nearly always up: %g", got)
	}
}

func TestYearsToLossMeetsTheTable(t *testing.T) {
	for _, c := range []struct {
		k, n, r int
		want    [6]float64 // lifetimes 30, 90, 300 days, repair in 12 and 36 h each
	}{
		{1, 3, 1, [6]float64{54, 7.3, 1.4e3, 163, 5.0e4, 5.6e3}},
		{8, 16, 4, [6]float64{427, 6.8, 1.8e5, 1.3e3, 2.0e8, 1.0e6}},
		{16, 32, 4, [6]float64{61, 1.8, 1.9e4, 182, 1.8e7, 1.0e5}},
		{16, 32, 8, [6]float64{6.9e3, 14.8, 7.7e7, 2.1e4, 6.7e12, 6.0e8}},
		{16, 32, 12, [6]float64{3.9e5, 77, 1.4e11, 1.2e6, 9.8e17, 1.5e12}},
		{16, 64, 8, [6]float64{2.3e4, 45, 2.6e8, 6.8e4, 2.3e13, 2.0e9}},
	} {
		for i, want := range c.want {
			got := YearsToLoss(c.k, c.n, c.r, []float64{30, 90, 300}[i/2], []float64{12, 36}[i%2])
			near(t, "years to loss", got, want, published)
		}
	}
}

// simulate plays one extent until it is lost and returns the days.
func simulate(rng *rand.Rand, k, n, r int, lifetimeDays, repairDays float64) (days float64) {
	for live := n; live >= k; {
		loss := rng.ExpFloat64() * lifetimeDays / float64(live)
		repair := math.Inf(1)
		if live <= k+r {
			repair = rng.ExpFloat64() * repairDays
		}
		if repair < loss {
			live = n
		} else {
			live--
		}
		days += min(loss, repair)
	}
	return days
}

func TestYearsToLossMeetsSimulation(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range [][3]int{{16, 32, 8}, {16, 32, 4}, {1, 3, 1}, {8, 16, 4}} {
		const runs = 2000 // a standard error of about 2 %
		var days float64
		for range runs {
			days += simulate(rng, c[0], c[1], c[2], 30, 1.5)
		}
		near(t, "simulated years to loss", days/runs/daysPerYear, YearsToLoss(c[0], c[1], c[2], 30, 36), 0.1)
	}
}

// Weatherspoon and Kubiatowicz repair at the end of each epoch of four months.
// Two replicas last 74 years with them; the disks that this takes make 32 of 64
// last 10^20 years at the same storage.
func TestWeatherspoonKubiatowicz(t *testing.T) {
	const epoch = 4. / 12
	diskLost := math.Sqrt(epoch / 74)
	near(t, "two replicas", epoch/Unavailability(1, 2, 1-diskLost), 74, 1e-9)
	if years := epoch / Unavailability(32, 64, 1-diskLost); math.Floor(math.Log10(years)) != 20 {
		t.Errorf("32 of 64 last %.3g years, want 10^20", years)
	}
}

func TestStretchIsTotalRecalls(t *testing.T) {
	near(t, "stretch", Stretch(.5, 100, 3.1), 2.49, 0.002)
	// The approximation against the exact sum: a probability beyond so many
	// standard deviations.
	for _, sigma := range []float64{2, 3.1, 3.7} {
		n := int(math.Round(Stretch(.5, 100, sigma) * 100))
		ratio := Unavailability(100, n, .5) / (math.Erfc(sigma/math.Sqrt2) / 2)
		if ratio < .5 || ratio > 2 {
			t.Errorf("at %g standard deviations the exact value is %g times the approximation", sigma, ratio)
		}
	}
}

func TestRepairTrafficMeetsTheTable(t *testing.T) {
	for _, c := range []struct {
		k, n, r int
		want    [3]float64 // multiples of unique data per year, lives of 30, 90, 300 days
	}{
		{16, 32, 4, [3]float64{44.6, 14.9, 4.5}},
		{16, 32, 8, [3]float64{61.9, 20.7, 6.2}},
		{16, 32, 12, [3]float64{110, 36.7, 11.0}},
		{16, 64, 8, [3]float64{43.2, 14.4, 4.3}},
	} {
		for i, life := range []float64{30, 90, 300} {
			near(t, "repair traffic", RepairTraffic(c.k, c.n, c.r)*daysPerYear/life, c.want[i], 0.02)
		}
	}
}
