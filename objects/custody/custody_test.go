package custody

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

var usual = Code{K: 16, N: 32, Threshold: 28}

func shares(live, doubtful, absent int) []Standing {
	return slices.Concat(slices.Repeat([]Standing{Live}, live), slices.Repeat([]Standing{Doubtful}, doubtful), slices.Repeat([]Standing{Absent}, absent))
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		live, doubtful int
		want           Verdict
		due            bool
	}{
		{32, 0, Verdict{Rest, 16}, false},
		{29, 0, Verdict{Rest, 13}, false},
		{28, 0, Verdict{Permanent, 12}, true},
		{16, 0, Verdict{Permanent, 0}, true},
		{15, 0, Verdict{Beyond, -1}, false},
		{20, 12, Verdict{Rest, 16}, false},
		{19, 13, Verdict{Transient, 3}, true},
		{15, 17, Verdict{Transient, -1}, false}, // nothing can be computed from 15
		{10, 10, Verdict{Permanent, 4}, false},
		{17, 11, Verdict{Permanent, 12}, true},
		{0, 0, Verdict{Beyond, -16}, false},
	} {
		tally := Count(shares(c.live, c.doubtful, 32-c.live-c.doubtful))
		if tally != (Tally{c.live, c.doubtful}) {
			t.Fatalf("%d live and %d doubtful are counted as %+v", c.live, c.doubtful, tally)
		}
		got := Judge(usual, tally)
		if got != c.want || got.IsDue(usual, tally) != c.due {
			t.Errorf("%d live, %d doubtful: %+v, due %v; want %+v, %v", c.live, c.doubtful, got, got.IsDue(usual, tally), c.want, c.due)
		}
	}
}

func TestWanted(t *testing.T) {
	for _, c := range []struct {
		name                   string
		class                  Class
		live, doubtful, absent int
		want                   []int
	}{
		{"all that is absent", Permanent, 20, 3, 9, []int{23, 24, 25, 26, 27, 28, 29, 30, 31}},
		{"enough to be above the threshold", Transient, 19, 13, 0, []int{19, 20, 21, 22, 23, 24, 25, 26, 27, 28}},
		{"the absent first", Transient, 18, 12, 2, []int{30, 31, 18, 19, 20, 21, 22, 23, 24, 25, 26}},
		{"nothing", Permanent, 32, 0, 0, nil},
		{"nothing, though nobody asked", Transient, 32, 0, 0, nil},
	} {
		s := shares(c.live, c.doubtful, c.absent)
		if got := Wanted(usual, Verdict{Class: c.class}, s); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestQueueGivesPermanentBeforeTransientAndTheWeakestFirst(t *testing.T) {
	var q Queue[string]
	q.Set("b", Verdict{Permanent, 9})
	q.Set("transient", Verdict{Transient, -3})
	q.Set("weak", Verdict{Permanent, 1})
	q.Set("a", Verdict{Permanent, 9})
	q.Set("healed", Verdict{Permanent, 5})
	q.Set("healed", Verdict{Rest, 16})
	q.Set("beyond", Verdict{Beyond, -1})
	q.Set("falling", Verdict{Permanent, 12})
	q.Set("falling", Verdict{Permanent, 0})
	q.Set("gone", Verdict{Permanent, 2})
	q.Remove("gone")
	q.Remove("never there")
	var got []string
	for q.Len() > 0 {
		id, _, _ := q.Pop()
		got = append(got, id)
	}
	if want := []string{"falling", "weak", "b", "a", "transient"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if _, _, ok := q.Pop(); ok {
		t.Error("an empty queue gave something")
	}
}

func TestAdmission(t *testing.T) {
	a := Admission{JobsMax: 3, BytesMax: 100}
	if !a.Admit(500) || a.Admit(1) {
		t.Fatal("one repair larger than the room is admitted alone")
	}
	a.Done(500)
	for i, c := range []struct {
		bytes int64
		want  bool
	}{{40, true}, {30, true}, {40, false}, {20, true}, {0, false}} {
		if a.Admit(c.bytes) != c.want {
			t.Errorf("request %d, of %d bytes: admitted %v; there is room for 100 bytes and 3 repairs", i, c.bytes, !c.want)
		}
	}
}

const hour = 3600.

// A peer that is silent while this one sleeps, is cut off, or sets its clock,
// is not lost by that.
func TestSilence(t *testing.T) {
	const tick, dead = 60., 12 * hour
	run := func(s Silence, steps int, answers, cutOff bool, seconds float64) Silence {
		for range steps {
			s = s.Step(answers, cutOff, seconds, tick)
		}
		return s
	}
	for _, c := range []struct {
		name string
		s    Silence
		lost bool
	}{
		{"half a day of silence", run(Silence{}, 720, false, false, tick), true},
		{"a little less", run(Silence{}, 719, false, false, tick), false},
		{"a laptop that slept for a week", run(Silence{}, 1, false, false, 7*24*hour), false},
		{"a clock that jumps back", run(Silence{}, 1, false, false, -366*24*hour), false},
		{"no number", run(Silence{}, 1, false, false, math.NaN()), false},
		{"a cable pulled for a month", run(Silence{}, 43200, false, true, tick), false},
		{"one answer in between", run(run(run(Silence{}, 700, false, false, tick), 1, true, false, tick), 700, false, false, tick), false},
	} {
		if c.s.IsLost(dead) != c.lost {
			t.Errorf("%s: lost %v, want %v (%g s)", c.name, c.s.IsLost(dead), c.lost, c.s.Seconds)
		}
	}
	if CutOff(0, 0) || CutOff(36, 49) || CutOff(1, 2) || !CutOff(0, 1) || !CutOff(9, 49) {
		t.Error("who blames itself is not who hears from less than a quarter")
	}
}

func TestAuditsFindWhoDroppedOneInAHundred(t *testing.T) {
	const held, dropped, probability = 10_000, 0.01, 0.999
	audits := AuditsFor(dropped, probability)
	if audits != 688 {
		t.Errorf("%d audits, want 688 (ln 0.001 / ln 0.99)", audits)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	const runs = 20_000
	missed := 0
	for range runs {
		found := false
		for range audits {
			found = found || rng.IntN(held) < held*dropped
		}
		if !found {
			missed++
		}
	}
	// 20 are expected; five standard deviations above is 42.
	if missed > 42 {
		t.Errorf("%d of %d such holders were missed", missed, runs)
	}
}

func TestAuditDue(t *testing.T) {
	const day = 24 * 3600
	for _, c := range []struct {
		name      string
		last, now int64
		draw      float64
		want      bool
	}{
		{"never", 0, 1_000_000, 0.9, true},
		{"just now", 1_000_000, 1_000_000, 0, false},
		{"early", 1_000_000, 1_000_000 + day*3/4, 0, true},
		{"not that early", 1_000_000, 1_000_000 + day*3/4, 0.5, false},
		{"a day ago", 1_000_000, 1_000_000 + day, 0.5, true},
		{"at the latest", 1_000_000, 1_000_000 + day*5/4, 1, true},
		{"the clock went back", 2_000_000_000, 1_000_000, 0.5, true},
	} {
		if got := AuditDue(c.last, c.now, day, c.draw); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestLeaseDue(t *testing.T) {
	const lease = 180 * 24 * 3600
	if LeaseDue(1000, 1000+lease/2-1, lease) || !LeaseDue(1000, 1000+lease/2, lease) || !LeaseDue(5000, 1000, lease) {
		t.Error("a lease is renewed when half of it is over, or when the clock has gone back")
	}
}

func TestTurnsAreShared(t *testing.T) {
	custodians := []wire.PeerID{{1}, {2}, {3}, {4}}
	first := make(map[wire.PeerID]int)
	for i := range 4000 {
		x := wire.ExtentID{byte(i), byte(i >> 8)}
		turns := make(map[int]bool)
		for _, c := range custodians {
			n := Turn(x, custodians, c)
			turns[n] = true
			if n == 0 {
				first[c]++
			}
		}
		if len(turns) != len(custodians) {
			t.Fatalf("extent %d: two custodians have one turn", i)
		}
		if Turn(x, []wire.PeerID{{4}, {2}, {2}, {1}, {3}}, wire.PeerID{2}) != Turn(x, custodians, wire.PeerID{2}) {
			t.Fatalf("extent %d: another order gives another turn", i)
		}
	}
	for c, n := range first {
		if n < 850 || n > 1150 {
			t.Errorf("custodian %d is first for %d of 4000 extents", c[0], n)
		}
	}
	if Turn(wire.ExtentID{}, nil, wire.PeerID{9}) != 0 {
		t.Error("one alone waits for nobody")
	}
}

func TestWhoIsAvoided(t *testing.T) {
	for _, c := range []struct {
		name string
		Conduct
		want bool
	}{
		{"new", Conduct{}, false},
		{"good", Conduct{Proved: 1e6, Late: 5}, false},
		{"a bad sector", Conduct{Proved: 10, Missing: 3}, false},
		{"a disk that dies", Conduct{Proved: 10, Missing: 4}, true},
		{"an old disk", Conduct{Proved: 99_000, Missing: 900}, false},
		{"one in a hundred dropped", Conduct{Proved: 98_900, Missing: 1_100}, true},
		{"a liar", Conduct{Proved: 1e6, Lied: 1}, true},
	} {
		if c.IsAvoided() != c.want {
			t.Errorf("%s: avoided %v", c.name, c.IsAvoided())
		}
	}
}
