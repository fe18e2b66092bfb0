package bft

import (
	"slices"
	"testing"
)

// Timers last eight round trips to the nearest quorum, never less than they are
// set to, nor more than a minute, and f members cannot stretch them.
func TestTimersKnowDistances(t *testing.T) {
	for name, c := range map[string]struct {
		milli  []uint32
		failed uint
		half   uint32
	}{
		"not known":               {nil, 0, 500},
		"near":                    {[]uint32{1, 1, 1, 1}, 0, 500},
		"far":                     {[]uint32{0, 400, 300, 500}, 0, 1600},
		"far, after two failures": {[]uint32{0, 400, 300, 500}, 2, 6400},
		"one pretends to be far":  {[]uint32{0, 1, 1, 4_000_000_000}, 0, 500},
		"one pretends to be near": {[]uint32{0, 400, 0, 500}, 0, 1600},
		"all are":                 {[]uint32{0, 4_000_000_000, 4_000_000_000, 4_000_000_000}, 0, 30_000},
		"of itself":               {[]uint32{9000, 1, 1, 1}, 0, 500},
		"of another ring":         {[]uint32{9000, 9000, 9000, 9000, 9000}, 0, 500},
	} {
		b := newBench(t, 0)
		given := slices.Clone(c.milli)
		b.failed = c.failed
		b.step(RoundTrips{Milli: c.milli})
		e := b.step(Submit{Update: []byte("x")})
		if e.Timer == nil || e.Timer.AfterMilli != c.half {
			t.Errorf("%s: %+v, want %d", name, e.Timer, c.half)
		}
		if !slices.Equal(given, c.milli) {
			t.Errorf("%s: the host's figures are changed", name)
		}
	}
}

// What is measured meanwhile counts from the next half on.
func TestATimerThatRunsIsLeftAlone(t *testing.T) {
	b := newBench(t, 0)
	first := b.step(Submit{Update: []byte("x")})
	if e := b.step(RoundTrips{Milli: []uint32{0, 400, 400, 400}}); e.Timer != nil {
		t.Errorf("started again: %+v", e.Timer)
	}
	if e := b.step(Timeout{Token: first.Timer.Token}); e.Timer == nil || e.Timer.AfterMilli != 1600 {
		t.Errorf("%+v", e.Timer)
	}
}
