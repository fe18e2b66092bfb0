package plan

import (
	"fmt"
	"math"
	"testing"
)

func TestDefaultPlan(t *testing.T) {
	g := DefaultGoal()
	g.Peers = 50
	p := Plan(g)
	if p.K != 16 || p.N != 32 || p.RepairAt != 28 || p.Enough != 27 || p.SharesPerHolder != 1 || p.HoldersLost != 16 {
		t.Errorf("default plan %+v", p)
	}
	// 1.5·10^12 years to loss. If twelve hours of silence come before the 36,
	// eleven nines remain.
	if p.Nines < 12.1 || p.Nines > 12.3 || p.Unavailability > 2e-9 {
		t.Errorf("default plan reaches %.2f nines, unavailable %.2g", p.Nines, p.Unavailability)
	}
	if late := ninesPerYear(YearsToLoss(16, 32, 12, 300, 48)); math.Round(late) != 11 {
		t.Errorf("with 48 hours: %.2f nines", late)
	}
	if unknown := Plan(DefaultGoal()); unknown != p {
		t.Errorf("plan for an unknown number of peers %+v, want that for many", unknown)
	}
}

func TestPlanFollowsPeers(t *testing.T) {
	for _, c := range []struct {
		name    string
		goal    Goal
		n, r    int
		reaches bool
	}{
		{"less available", Goal{11, .8, 300, 36, 100}, 40, 12, true},
		{"churny, repaired fast", Goal{11, .75, 90, 12, 100}, 48, 12, true},
		{"short-lived", Goal{11, .9, 90, 36, 100}, 48, 24, true},
		{"modest goal", Goal{8, .9, 300, 36, 100}, 32, 8, true},
		{"out of reach: Gnutella", Goal{11, .38, 3, 36, 100}, 64, 36, false},
		{"not a number", Goal{11, math.NaN(), math.NaN(), math.NaN(), -1}, 64, 36, false},
	} {
		p := Plan(c.goal)
		if p.N != c.n || p.RepairAt-p.K != c.r || (p.Nines >= c.goal.NinesPerYear) != c.reaches {
			t.Errorf("%s: %+v, want (16,%d), repair at k+%d", c.name, p, c.n, c.r)
		}
		if math.IsNaN(p.Nines) || math.IsNaN(p.Unavailability) {
			t.Errorf("%s: %+v", c.name, p)
		}
	}
}

func TestPlanOnFewPeers(t *testing.T) {
	for _, c := range []struct{ peers, perHolder, lost, enough int }{
		{1, 16, 0, 16}, {2, 16, 1, 27}, {3, 11, 1, 27}, {4, 8, 2, 27}, {5, 7, 2, 27},
		{8, 4, 4, 27}, {16, 2, 8, 27}, {31, 2, 8, 27}, {32, 1, 16, 27}, {1000, 1, 16, 27},
	} {
		g := DefaultGoal()
		g.Peers = c.peers
		p := Plan(g)
		if p.SharesPerHolder != c.perHolder || p.HoldersLost != c.lost || p.Enough != c.enough || p.N != 32 {
			t.Errorf("%d peers: %+v", c.peers, p)
		}
	}
	alone := Plan(Goal{11, .9, 300, 36, 1})
	// One copy on a peer that lasts 300 days: gone within a year at 70 %.
	near(t, "chance of loss alone", math.Pow(10, -alone.Nines), 1-math.Exp(-daysPerYear/300), 1e-6)
	near(t, "unavailability alone", alone.Unavailability, .1, 1e-6)
	if two := Plan(Goal{11, .9, 300, 36, 2}); two.Nines <= alone.Nines {
		t.Errorf("a second peer gains nothing: %.2f and %.2f nines", alone.Nines, two.Nines)
	}
}

func TestSmallExtents(t *testing.T) {
	p := Plan(DefaultGoal())
	for _, c := range []struct {
		bytes int64
		k, n  int
	}{
		{1, 1, 9}, {4096, 1, 9}, {4097, 4, 16}, {32 << 10, 4, 16}, {32<<10 + 1, 16, 32}, {1 << 40, 16, 32},
	} {
		k, n := ForExtent(p, c.bytes)
		if k != c.k || n != c.n {
			t.Errorf("%d bytes: (%d,%d), want (%d,%d)", c.bytes, k, n, c.k, c.n)
		}
		g := DefaultGoal()
		nines := ninesPerYear(YearsToLoss(k, n, p.Threshold(k, n)-k, g.LifetimeDays, g.RepairHours))
		if unavailable := Unavailability(k, n, g.Availability); nines < g.NinesPerYear || unavailable > unavailabilityMax {
			t.Errorf("(%d,%d) reaches %.1f nines and is unavailable at %.2g", k, n, nines, unavailable)
		}
	}
}

func TestEnough(t *testing.T) {
	for _, c := range []struct{ k, n, holders, want int }{
		{16, 32, 1, 16}, {16, 32, 0, 16}, {16, 32, 2, 27}, {16, 32, 32, 27}, {1, 9, 9, 7}, {4, 16, 16, 12}, {16, 64, 64, 48}, {3, 3, 3, 3},
	} {
		if got := Enough(c.k, c.n, c.holders); got != c.want {
			t.Errorf("Enough(%d, %d, %d) = %d, want %d", c.k, c.n, c.holders, got, c.want)
		}
	}
}

func ExamplePlan() {
	goal := DefaultGoal()
	goal.Peers = 50
	p := Plan(goal)
	fmt.Printf("%d of %d shares, repair at %d, %.1f nines\n", p.K, p.N, p.RepairAt, p.Nines)
	// Output: 16 of 32 shares, repair at 28, 12.2 nines
}
