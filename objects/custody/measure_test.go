package custody

import (
	"math"
	"testing"
)

func TestMeasured(t *testing.T) {
	var m Measured
	for range 6 * 24 {
		m = m.Step(100, 80, 0, hour)
	}
	if _, _, ok := m.Figures(); ok {
		t.Error("six days are enough")
	}
	for day := range 300 {
		for h := range 24 {
			lost := 0
			if h == 0 && day%3 == 0 {
				lost = 1
			}
			m = m.Step(100, 80, lost, hour)
		}
	}
	availability, days, ok := m.Figures()
	if !ok || math.Abs(availability-0.8) > 1e-9 || math.Abs(days-306) > 10 {
		t.Errorf("availability %.3f and %.0f days; 80 of 100 answered, and 100 of 100 were lost in 300 days", availability, days)
	}
}
