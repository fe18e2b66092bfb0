package beehive

import (
	"math"
	"testing"
)

// judge returns one that has seen a network of n peers with m records by Zipf's
// law.
func judge(n, m int, alpha, hops float64) *Judge {
	s := Summary{Peers: uint64(n)}
	for rank := 1; rank <= m; rank++ {
		s.Asked[bucketOf(1e6*math.Pow(float64(rank), -alpha))]++
	}
	var j Judge
	for range 5 {
		j.Learn(&s, hops)
	}
	return &j
}

func TestJudgeEstimatesTheNetwork(t *testing.T) {
	for _, alpha := range []float64{.7, .91, 1.1} {
		j := judge(10_000, 100_000, alpha, .5)
		if m := j.Model(); math.Abs(m.Alpha-alpha) > .03 || m.Peers != 10_000 || m.Records != 100_000 {
			t.Errorf("exponent %v: estimates %+v", alpha, m)
		}
	}
	var idle Judge
	idle.Learn(&Summary{Peers: 10, Unasked: 5}, .5)
	if m := idle.Model(); m.Alpha != alphaUsual {
		t.Errorf("an idle network has an exponent of %v", m.Alpha)
	}
}

// What others count is bounded, and records whose copies must be withdrawn stay
// known until they are.
func TestHomesAreBounded(t *testing.T) {
	const max = 64
	h := NewHomes[int](max)
	for k := range 10 * max {
		h.Count(k, 50)
	}
	if h.Len() != max {
		t.Fatalf("%d records, limit %d", h.Len(), max)
	}
	h.EndInterval(max)
	j := judge(1000, 10_000, .91, .5)
	if moves := h.Plan(j, math.Inf(1)); len(moves) == 0 {
		t.Fatal("nothing is placed")
	}
	placed := 0
	for _, r := range h.homes {
		if r.level != AtHome {
			placed++
		}
	}
	for range 60 { // nobody asks any more
		h.EndInterval(max)
	}
	if h.Len() < placed {
		t.Errorf("%d records are known, %d are placed", h.Len(), placed)
	}
	withdrawn := h.Plan(j, 0)
	h.EndInterval(max)
	if len(withdrawn) != placed || h.Len() != 0 {
		t.Errorf("%d of %d placed records are withdrawn, %d still known", len(withdrawn), placed, h.Len())
	}
}

// Plan keeps its budget, places the most popular first and the rest later.
func TestPlanKeepsItsBudget(t *testing.T) {
	const peers, records = 1000, 100
	h := NewHomes[int](records)
	for k := range records {
		h.Count(k, uint32(100_000/(k+1)))
	}
	summary := h.EndInterval(records)
	if summary.Records() != records || summary.Peers != 1 {
		t.Errorf("summary of %.0f records, %d peers", summary.Records(), summary.Peers)
	}
	j, placed := judge(peers, 10_000, .91, .5), 0
	for calls := 0; ; calls++ {
		moves := h.Plan(j, 1.5*peers)
		copies := 0.
		for _, m := range moves {
			copies += m.To.copies(peers)
			if m.Key < placed && m.rate > h.Rate(0) {
				t.Errorf("record %d is placed late", m.Key)
			}
		}
		if placed += len(moves); len(moves) == 0 {
			if calls < 3 || placed == 0 {
				t.Errorf("%d records placed in %d calls", placed, calls)
			}
			break
		}
		if copies >= 2.5*peers+1 { // the last one may exceed what is left
			t.Errorf("%.0f copies in one call", copies)
		}
	}
	if h.Placed(0) != 0 || h.Placed(records) != AtHome {
		t.Errorf("the most popular lies at level %d, an unknown one at %d", h.Placed(0), h.Placed(records))
	}
	if h.Forget(0); h.Placed(0) != AtHome {
		t.Error("lost copies are still thought placed")
	}
}

func TestNothingIsPlacedWithoutKnowledge(t *testing.T) {
	h := NewHomes[int](10)
	h.Count(1, 1000)
	h.EndInterval(1)
	if moves := h.Plan(new(Judge), 1e9); len(moves) != 0 {
		t.Errorf("moves %+v", moves)
	}
}

// A record near a limit does not move to and fro.
func TestLevelsHold(t *testing.T) {
	levels := Levels{100, 10}
	for _, c := range []struct {
		rate, seen float64
		now, want  Level
	}{
		{120, 100, AtHome, 0}, {105, 100, AtHome, 1}, {105, 100, 0, 0}, {95, 100, 0, 0}, {80, 100, 0, 1},
		{12, 20, AtHome, 1}, {1, 20, AtHome, 2}, {1, 1, AtHome, AtHome}, {1, 1, 2, 2}, {0, .5, 2, AtHome},
	} {
		if got := levels.of(c.rate, c.seen, c.now); got != c.want {
			t.Errorf("rate %v, seen %v, now at %d: level %d, want %d", c.rate, c.seen, c.now, got, c.want)
		}
	}
}

func TestSummariesSaturate(t *testing.T) {
	hostile := Summary{Peers: math.MaxUint64, Unasked: math.MaxUint64}
	for i := range hostile.Asked {
		hostile.Asked[i] = math.MaxUint64
	}
	sum := hostile
	sum.Add(&hostile)
	if sum != hostile {
		t.Error("a sum overflows")
	}
	var j Judge
	j.Learn(&sum, .5)
	for _, x := range j.levels {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			t.Errorf("levels %v", j.levels)
		}
	}
	if bucketOf(math.Inf(1)) != Buckets-1 || bucketOf(0) != 0 {
		t.Error("a rate lies in no bucket")
	}
}
