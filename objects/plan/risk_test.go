package plan

import (
	"math"
	"testing"
)

// What is full is lost at the rate of the table of mean times to loss; what is
// thinner, sooner; what has fewer than k shares, already.
func TestRisk(t *testing.T) {
	full := Risk(16, 32, 32, 8, 90, 36)
	if want := 1 / 2.1e4; math.Abs(full-want) > want/10 {
		t.Errorf("full: %.3g a year, want about %.3g", full, want)
	}
	last := full
	for alive := 24; alive >= 16; alive-- {
		risk := Risk(16, alive, 32, 8, 90, 36)
		if risk < last || risk > 1 {
			t.Errorf("%d of 32 live: %.3g, one more %.3g", alive, risk, last)
		}
		last = risk
	}
	if Risk(16, 15, 32, 8, 90, 36) != 1 {
		t.Error("fewer than k are no loss")
	}
}

func TestRiskCountsHolders(t *testing.T) {
	goal := DefaultGoal()
	spread, crowded := RiskOn(goal, 16, 32, 32, 28, 32), RiskOn(goal, 16, 32, 32, 28, 8)
	goal.Peers = 1
	one := RiskOn(goal, 16, 16, 32, 28, 1)
	if !(spread < 1e-10 && spread < crowded && crowded < one && one < 1 && one > 0.5) {
		t.Errorf("on 32 holders %.3g, on 8 %.3g, on one %.3g", spread, crowded, one)
	}
	if RiskOn(goal, 16, 15, 32, 28, 15) != 1 || RiskOn(Goal{LifetimeDays: math.NaN()}, 16, 32, 32, 28, 32) > 1 {
		t.Error("what is lost, or measured as nonsense")
	}
}

func TestRepairTrafficWithin(t *testing.T) {
	for _, r := range []int{4, 8, 12} {
		quick, bound := RepairTrafficWithin(16, 32, r, 300, 1e-6), RepairTraffic(16, 32, r)
		if ratio := quick / bound; math.Abs(ratio-float64(32-r)/float64(31-r)) > 1e-6 {
			t.Errorf("16+%d: %.3f, want one share more than %.3f", r, quick, bound)
		}
		if slow := RepairTrafficWithin(16, 32, r, 30, 36); slow >= quick {
			t.Errorf("16+%d: slow repairs batch more losses, but move %.1f against %.1f", r, slow, quick)
		}
	}
}
