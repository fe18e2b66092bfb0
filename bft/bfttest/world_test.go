package bfttest

import (
	"errors"
	"flag"
	"testing"
)

// go test ./bft/bfttest -timeout 0 -run 'TestRough|TestLiar' -args -seeds 1000000
var (
	moreSeeds = flag.Uint64("seeds", 0, "how many runs each test makes, if not its own number")
	firstSeed = flag.Uint64("first", 0, "the first seed of each test")
)

func TestCalm(t *testing.T) {
	for _, members := range []int{1, 4, 7, 10} {
		r, err := Run(Options{Seed: 1, Members: members, Events: 2000, DelayMilliMax: 5})
		if err != nil || r.View != 0 || r.Version < 10 {
			t.Errorf("ring of %d: %+v, %v", members, r, err)
		}
	}
}

// Members that are far from each other do not take an honest leader for a slow
// one: a version takes longer here than the shortest timer.
func TestFar(t *testing.T) {
	for seed := range uint64(20) {
		r, err := Run(Options{Seed: seed, Members: 4, Events: 1000, DelayMilliMax: 900, Measured: true, Patient: true})
		if err != nil || r.Version < 3 {
			t.Fatalf("%+v, %v", r, err)
		}
	}
}

// runs makes runs of a kind with one seed after another.
func runs(t *testing.T, seeds uint64, members, liars int, change func(*Options)) {
	t.Parallel()
	var total Report
	if *moreSeeds > 0 {
		seeds = *moreSeeds
	}
	for seed := *firstSeed; seed < *firstSeed+seeds; seed++ {
		o := Rough(seed, members, liars)
		if change != nil {
			change(&o)
		}
		r, err := Run(o)
		if err != nil {
			t.Fatalf("%v (%+v)", err, r)
		}
		total.Steps += r.Steps
		total.Version += r.Version
		total.View += r.View
		total.Epoch += r.Epoch
		total.Crashes += r.Crashes
		total.Evidence += r.Evidence
	}
	t.Logf("%d steps, %d versions, %d views, %d changes of the ring, %d crashes, %d proofs of lies", total.Steps, total.Version, total.View, total.Epoch, total.Crashes, total.Evidence)
	if liars > 0 && total.Evidence == 0 && change == nil {
		t.Error("nobody was found to lie")
	}
}

func TestRough(t *testing.T)    { runs(t, 200, 4, 0, nil) }
func TestLiar(t *testing.T)     { runs(t, 300, 4, 1, nil) }
func TestDelayer(t *testing.T)  { runs(t, 100, 4, 1, func(o *Options) { o.Lie = Delays }) }
func TestStarver(t *testing.T)  { runs(t, 100, 4, 1, func(o *Options) { o.Lie = Starves }) }
func TestReplayer(t *testing.T) { runs(t, 100, 4, 1, func(o *Options) { o.Lie = Replays }) }
func TestFarLiar(t *testing.T) {
	runs(t, 100, 4, 1, func(o *Options) { o.Measured = true })
}
func TestTwoLiars(t *testing.T) { runs(t, 40, 7, 2, nil) }
func TestDividing(t *testing.T) { runs(t, 200, 4, 0, func(o *Options) { o.Divide = 0.02 }) }
func TestIsolating(t *testing.T) {
	runs(t, 400, 4, 0, func(o *Options) { o.Isolate, o.Drop, o.DelayMilliMax, o.Events = 1, 0.3, 600, 400 })
}
func TestCrashing(t *testing.T) { runs(t, 100, 4, 0, func(o *Options) { o.Crash = 0.03 }) }
func TestChanging(t *testing.T) {
	runs(t, 200, 4, 0, func(o *Options) { o.Spares, o.Change = 3, 0.01 })
}
func TestChangingWithALiar(t *testing.T) {
	runs(t, 200, 4, 1, func(o *Options) { o.Spares, o.Change = 3, 0.01 })
}
func TestChangingOfOne(t *testing.T) {
	runs(t, 60, 1, 0, func(o *Options) { o.Spares, o.Change, o.Crash = 3, 0.02, 0.02 })
}
func TestOneMember(t *testing.T) {
	runs(t, 60, 1, 0, func(o *Options) { o.Crash, o.Events = 0.05, 500 })
}

// Each deliberate mistake is found within a few seeds.
func TestMistakesAreFound(t *testing.T) {
	for name, c := range map[string]struct {
		fault  Fault
		liars  int
		change func(*Options)
	}{
		"amnesia":        {Amnesia, 0, func(o *Options) { o.Crash = 0.03 }},
		"says first":     {SaysFirst, 0, func(o *Options) { o.Crash = 0.03 }},
		"trusting":       {Trusting, 1, func(o *Options) {}},
		"too many liars": {Sound, 2, func(o *Options) {}},
	} {
		found := false
		for seed := uint64(0); seed < 200 && !found; seed++ {
			o := Rough(seed, 4, c.liars)
			o.Fault = c.fault
			c.change(&o)
			_, err := Run(o)
			found = errors.Is(err, ErrBroken)
			if found {
				t.Logf("%s: %v", name, err)
			}
		}
		if !found {
			t.Errorf("%s is not found", name)
		}
	}
}

// The same seed gives the same run.
func TestSeedsRepeat(t *testing.T) {
	a, errA := Run(Rough(7, 4, 1))
	b, errB := Run(Rough(7, 4, 1))
	if a != b || (errA == nil) != (errB == nil) {
		t.Errorf("%+v, %v; then %+v, %v", a, errA, b, errB)
	}
}

func BenchmarkSteps(b *testing.B) {
	steps := 0
	for seed := uint64(0); b.Loop(); seed++ {
		r, err := Run(Rough(seed, 4, 0))
		if err != nil {
			b.Fatal(err)
		}
		steps += r.Steps
	}
	b.ReportMetric(float64(steps)/b.Elapsed().Seconds(), "steps/s")
}
