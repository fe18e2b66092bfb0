package namesim

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// small is a network that a test can afford. Its closed form is that of half a
// hop; with so few names a peer sees each more often.
func small(seed uint64) Config {
	c := Default()
	c.Peers, c.Names, c.Rate, c.Changes, c.Intervals, c.Seed = 500, 10_000, .3, 50, 4, seed
	return c
}

func TestSmallNetworkReachesItsAim(t *testing.T) {
	const seed = 7
	r, err := Run(t.Context(), small(seed))
	if err != nil {
		t.Fatal(err)
	}
	mean, most := r.stored()
	closed := r.Closed.Storage()
	t.Logf("seed %d: %.3f hops before, %.3f in the first interval after the reversal, %.3f from two on; stored %.4f, at most %.4f, closed form %.4f; changes %+v",
		seed, r.Before, r.First, r.After, mean, most, closed, r.Changes)
	if r.Before > .55 {
		t.Errorf("%.3f hops before the reversal", r.Before)
	}
	if r.First < 2*r.Before {
		t.Errorf("the reversal costs nothing (%.3f hops after %.3f): it did not happen", r.First, r.Before)
	}
	if r.After > 1.1*r.Before {
		t.Errorf("%.3f hops two intervals after the reversal, %.3f before it", r.After, r.Before)
	}
	// Kademlia's twenty holders of each name come to what the closed form counts.
	if limit := 1.15*closed + holders/float64(r.Config.Peers); mean > limit || mean < closed/2 {
		t.Errorf("%.4f of all names on a peer, closed form %.4f, limit %.4f", mean, closed, limit)
	}
	if r.Changes.Within < .98 || r.Changes.Copies == 0 {
		t.Errorf("changes: %+v", r.Changes)
	}
	if math.Abs(r.Seen.Alpha-r.Config.Zipf) > .06 || int(r.Seen.Peers) != r.Config.Peers || int(r.Seen.Records) != r.Config.Names {
		t.Errorf("a peer estimates %+v", r.Seen)
	}
}

func TestSameSeedSameRun(t *testing.T) {
	c := small(3)
	c.Peers, c.Names, c.Changes = 100, 1000, 10
	a, errA := Run(t.Context(), c)
	b, errB := Run(t.Context(), c)
	if errA != nil || errB != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("two runs with seed %d differ: %v, %v", c.Seed, errA, errB)
	}
	var svg, table bytes.Buffer
	if err := a.SVG(&svg); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(&svg); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("the picture is no XML: %v", err)
		}
	}
	if _, err := a.Print(&table); err != nil || !strings.Contains(table.String(), "mean hops before the reversal") {
		t.Errorf("Print: %v\n%s", err, &table)
	}
}

func TestMissedTargetsAreSaid(t *testing.T) {
	r := &Result{Config: Default(), Samples: []Sample{{StoredMean: .05, StoredMax: .07}}, Before: .5, After: .56, Changes: Changes{Within: .97}}
	var table bytes.Buffer
	reached, err := r.Print(&table)
	if n := strings.Count(table.String(), "  no\n"); reached || err != nil || n != 3 {
		t.Errorf("reached %v, %v, %d missed targets, want 3\n%s", reached, err, n, &table)
	}
}

func TestBadConfigsAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"one peer":       func(c *Config) { c.Peers = 1 },
		"too many cells": func(c *Config) { c.Peers, c.Names = peersMax, namesMax },
		"no names":       func(c *Config) { c.Names = 0 },
		"exponent":       func(c *Config) { c.Zipf = 3 },
		"no hops":        func(c *Config) { c.Hops = 0 },
		"few intervals":  func(c *Config) { c.Intervals = 1 },
		"no queries":     func(c *Config) { c.Rate = 0 },
	} {
		c := Default()
		spoil(&c)
		if _, err := Run(t.Context(), c); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Run(ctx, small(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

func TestZipfDrawsByItsLaw(t *testing.T) {
	const n, draws = 50, 200_000
	z, r := newZipf(n, .91), rand.New(rand.NewPCG(1, 2))
	counts, sum := make([]float64, n), 0.
	for range draws {
		counts[z.draw(r)]++
	}
	for i := range n {
		sum += math.Pow(float64(i+1), -.91)
	}
	for i, c := range counts {
		want := draws * math.Pow(float64(i+1), -.91) / sum
		if math.Abs(c-want) > 5*math.Sqrt(want) {
			t.Errorf("rank %d: %.0f draws, want %.0f", i, c, want)
		}
	}
}
