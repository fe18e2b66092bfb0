package namebench

import (
	"context"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet"
	"github.com/atollnet/atoll/testnet/progress"
	"github.com/atollnet/atoll/testnet/testnettest"
)

// The test program runs itself again as the bare handler.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "bare" {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		defer stop()
		if err := Bare(ctx, os.Args[2]); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// Every case runs, on real peers, though on too little to say anything.
func TestEverythingIsMeasured(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	line := progress.New(io.Discard)
	defer line.Close()
	var out strings.Builder
	err = Run(t.Context(), Config{
		Peers: 4, Runs: 1, For: time.Second, Watch: 10 * time.Millisecond, Names: 3, Many: 100, Bare: []string{self, "bare"},
		Programs: testnettest.Binaries(t), Out: &out, Line: line,
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.HintOf(err))
	}
	want := []string{"cold resolve, 4 peers, median", "publish, confirmed by 3 peers, median", "a change, answered by 3 other peers, median",
		"100 names of one peer, put a second at first", "written, to sockets and files"}
	if _, err := exec.LookPath("dnsperf"); err == nil {
		want = append(want, "cached answers, against a bare handler", "time of one, at 5000 a second, median")
	} else {
		want = append(want, "dnsperf is not installed")
	}
	for _, w := range want {
		if !strings.Contains(out.String(), w) {
			t.Errorf("there is no %q in\n%s", w, &out)
		}
	}
}

func TestWhatCannotBeMeasured(t *testing.T) {
	good := Config{Peers: 8, Runs: 1, For: time.Second, Watch: time.Second, Names: 1, Many: 1}
	for name, change := range map[string]func(*Config){
		"too few peers":  func(c *Config) { c.Peers = 2 },
		"too many peers": func(c *Config) { c.Peers = testnet.PeersMax + 1 },
		"no run":         func(c *Config) { c.Runs = 0 },
		"no time":        func(c *Config) { c.For = 0 },
		"no watch":       func(c *Config) { c.Watch = 0 },
		"no names":       func(c *Config) { c.Names = 0 },
		"a wrong name":   func(c *Config) { c.Only = []string{"cold", "colder"} },
	} {
		c := good
		change(&c)
		if err := Run(t.Context(), c); errs.KindOf(err) != errs.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An answer that is not the right one is no figure.
func TestWrongAnswersAreNoFigures(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{Config: Config{Bare: []string{self, "bare"}}}
	ctx, cancel := context.WithCancel(t.Context())
	s, wait, err := b.startBare(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := ask(ctx, s.at, "h0."+origin, "192.0.2.66"); errs.KindOf(err) != errs.Damaged {
		t.Errorf("another address: %v", err)
	}
	cancel()
	_ = wait() // killed
	if err := ask(t.Context(), s.at, "h0."+origin, firstAddress); err == nil {
		t.Error("nobody answers, and that is an answer")
	}
}

func TestTable(t *testing.T) {
	var out strings.Builder
	err := print(&out, []figure{atLeast("answers", 1.2, 0.8, " x"), atMost("time", 0.4, 0.3, " ms"), atLeast("a second", 123456, 0, ""), {what: "load", is: "not measured"}})
	want := `WHAT      FIGURE        TARGET    REACHED
answers   1.2 x         ≥ 0.8 x   yes
time      0.4 ms        ≤ 0.3 ms  no
a second  123456        –         –
load      not measured  –         –
`
	if err != nil || out.String() != want {
		t.Errorf("%v: the table is\n%s", err, &out)
	}
	if got := quantile([]float64{3, 1, 2, 100}, .5); got != 3 {
		t.Errorf("the median is %v", got)
	}
}
