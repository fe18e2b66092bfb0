package ringbench

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet/progress"
	"github.com/atollnet/atoll/testnet/testnettest"
)

// Every case runs, on real peers, though for too short a time to say anything.
func TestEverythingIsMeasured(t *testing.T) {
	line := progress.New(io.Discard)
	defer line.Close()
	var table bytes.Buffer
	err := Run(t.Context(), Config{
		Members: 4, For: 100 * time.Millisecond, Objects: 3, Idle: 3, Settle: time.Millisecond,
		Programs: testnettest.Binaries(t), Out: &table, Line: line,
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.HintOf(err))
	}
	for _, c := range cases {
		if !strings.Contains(table.String(), c.what) {
			t.Errorf("the table lacks %q", c.what)
		}
	}
	if strings.Contains(table.String(), " 0/s") {
		t.Errorf("nothing was ordered\n%s", &table)
	}
}

func TestWhatCannotBeMeasured(t *testing.T) {
	good := Config{Members: 4, For: time.Second, Objects: 1, Idle: 1}
	for name, change := range map[string]func(*Config){
		"a ring of five":    func(c *Config) { c.Members = 5 },
		"no time":           func(c *Config) { c.For = 0 },
		"no object":         func(c *Config) { c.Objects = 0 },
		"an unknown name":   func(c *Config) { c.Only = []string{"one", "two"} },
		"none that is idle": func(c *Config) { c.Idle = 0 },
	} {
		c := good
		change(&c)
		if err := Run(t.Context(), c); errs.KindOf(err) != errs.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestQuantiles(t *testing.T) {
	hundred := make([]time.Duration, 100)
	for i := range hundred {
		hundred[99-i] = time.Duration(i)
	}
	hundred = sorted(hundred)
	for _, c := range []struct {
		part float64
		want time.Duration
	}{{0, 0}, {0.5, 50}, {0.99, 99}, {1, 99}} {
		if got := quantile(hundred, c.part); got != c.want {
			t.Errorf("quantile %v is %d, want %d", c.part, got, c.want)
		}
	}
	if quantile(nil, 0.5) != 0 {
		t.Error("nothing measured, and a figure")
	}
}
