package custodysim

import (
	"bytes"
	"encoding/xml"
	"io"
	"math"
	"strings"
	"testing"
)

func run(t *testing.T, c Config) Result {
	t.Helper()
	r, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// The settings that lose data soon; `testnet sim custody --table` runs all.
func TestLossAndTrafficAreThoseOfTheClosedForms(t *testing.T) {
	for _, s := range Settings() {
		if s.Years > 4 {
			continue
		}
		r := run(t, s.Config(42))
		if off := math.Abs(r.YearsToLoss/r.ExpectedYears - 1); r.Lost < 800 || off > 0.1 {
			t.Errorf("%v: %.3g years over %d losses, the closed form says %.3g", s, r.YearsToLoss, r.Lost, r.ExpectedYears)
		}
		if off := math.Abs(r.Traffic/r.ExpectedTraffic - 1); off > 0.1 {
			t.Errorf("%v: %.1f times the data in a year, the closed form says %.1f", s, r.Traffic, r.ExpectedTraffic)
		}
	}
}

// Counting back in what returns is what makes absences cheap: those that look
// like losses cost some repairs, no more. Nights cost next to nothing.
func TestAbsencesCostLittle(t *testing.T) {
	c := Default()
	c.Peers, c.Extents = 1000, 2000
	c.Availability = 1
	always := run(t, c)
	c.Availability = 0.9
	away := run(t, c)
	c.Diurnal, c.Availability, c.AwayHours = true, 19./24, 5
	nightly := run(t, c)
	for name, c := range map[string]struct {
		Result
		most float64
	}{"away for hours": {away, 1.6}, "away at night": {nightly, 1.3}} {
		if c.Lost > 0 || c.Traffic > c.most*always.Traffic {
			t.Errorf("%s: %d lost, %.1f times the data moved, %.1f if peers are always up", name, c.Lost, c.Traffic, always.Traffic)
		}
	}
}

// A tenth of all peers die at once, and repairs are few at a time: it converges,
// the weakest first.
func TestAMassFailureConverges(t *testing.T) {
	c := Default()
	c.Peers, c.Extents, c.RepairsMax = 2000, 5000, 200
	c.FailDay, c.FailPart, c.Years = 10, 0.1, 0.15
	r := run(t, c)
	waited := 0
	for _, d := range r.Days {
		waited = max(waited, d.Waiting)
	}
	last := r.Days[len(r.Days)-1]
	if r.Lost > 0 || waited == 0 || last.Waiting > 0 || last.Mean < 29 {
		t.Errorf("%d lost; %d waited at most, %d at the end, with %.1f shares", r.Lost, waited, last.Waiting, last.Mean)
	}
}

func TestTheSameSeedIsTheSameRun(t *testing.T) {
	c := Default()
	c.Peers, c.Extents, c.Lifetime = 500, 500, TraceLike
	a, b := run(t, c), run(t, c)
	c.Seed++
	if other := run(t, c); a.Traffic != b.Traffic || a.Deaths != b.Deaths || other.Deaths == a.Deaths {
		t.Errorf("traffic %v, %v and %v", a.Traffic, b.Traffic, other.Traffic)
	}
}

func TestLifetimesHaveTheirMean(t *testing.T) {
	w := newWorld(Config{Peers: 4, Extents: 1, K: 1, N: 2, Threshold: 1, LifetimeDays: 1, Availability: 1})
	for d := range Distribution(len(distributionNames)) {
		sum := 0.0
		for range 200_000 {
			sum += d.draw(w.random, 300)
		}
		if mean := sum / 200_000; math.Abs(mean-300) > 9 {
			t.Errorf("%v: mean %.1f, want 300", d, mean)
		}
		if back, err := ParseDistribution(d.String()); err != nil || back != d {
			t.Errorf("%v parses to %v, %v", d, back, err)
		}
	}
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"no peers":          func(c *Config) { c.Peers = 0 },
		"too many extents":  func(c *Config) { c.Extents = ExtentsMax + 1 },
		"repair above n":    func(c *Config) { c.Threshold = c.N },
		"few peers":         func(c *Config) { c.Peers = c.N },
		"no time":           func(c *Config) { c.Years = 0 },
		"never up":          func(c *Config) { c.Availability = 0 },
		"more than all die": func(c *Config) { c.FailPart = 2 },
		"no distribution":   func(c *Config) { c.Lifetime = 99 },
	} {
		c := Default()
		change(&c)
		if _, err := Run(t.Context(), c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestThePictureIsWellFormed(t *testing.T) {
	c := Default()
	c.Peers, c.Extents, c.Years = 200, 100, 0.2
	r := run(t, c)
	var picture, table bytes.Buffer
	if err := r.SVG(&picture, c); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(&picture); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Print(&table, c); err != nil || !strings.Contains(table.String(), "more than 20 years") {
		t.Errorf("%v:\n%s", err, &table)
	}
	if len(Settings()) == 0 || Settings()[0].String() != "(1,3,1) 30 d 36 h" {
		t.Error("the settings of the table")
	}
}
