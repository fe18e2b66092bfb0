package demo

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet"
	"github.com/atollnet/atoll/testnet/fakepeer"
	"github.com/atollnet/atoll/testnet/progress"
)

func TestMain(m *testing.M) {
	if !fakepeer.Main() {
		os.Exit(m.Run())
	}
}

// fakeConfig returns a small demonstration with fake programs, in a directory
// for temporary files of its own.
func fakeConfig(t *testing.T, how string) (Config, *strings.Builder) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	temp, err := os.MkdirTemp("", "atoll")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(temp) })
	t.Setenv("TMPDIR", temp)
	t.Setenv(fakepeer.Var, how)
	line := progress.New(io.Discard)
	t.Cleanup(line.Close)
	out := new(strings.Builder)
	return Config{
		Peers: 4, Kill: 2, Bytes: 100_000, Seed: 3, Tree: makeTree(t), Out: out, Line: line,
		Programs: testnet.Binaries{Peerd: self, Peerctl: self},
	}, out
}

// left returns the names of what a run left in the temporary directory.
func left(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(os.TempDir(), "atoll-demo-*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// dead fails the test if a peer of the network below dir still runs.
func dead(t *testing.T, dir string) {
	t.Helper()
	network, err := testnet.Open(testnet.Config{Dir: filepath.Join(dir, "net")})
	if err != nil {
		t.Fatal(err)
	}
	peers, err := network.Peers()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range peers {
		if p.State != testnet.Down {
			t.Errorf("peer %d is %s after the run", p.Index, p.State)
		}
	}
}

func TestRun(t *testing.T) {
	cfg, out := fakeConfig(t, fakepeer.Well)
	if err := Run(t.Context(), cfg); err != nil {
		t.Fatalf("%v\n%s\n%s", err, errs.HintOf(err), out)
	}
	for _, s := range steps {
		if !regexp.MustCompile(regexp.QuoteMeta(s.name) + ` +\d+\.\d s `).MatchString(out.String()) {
			t.Errorf("the table lacks %q", s.name)
		}
	}
	if !strings.Contains(out.String(), "4 entries identical") || strings.Contains(out.String(), "FAILED") {
		t.Errorf("the table reads\n%s", out)
	}
	if found := left(t); len(found) != 0 {
		t.Errorf("the run left %v", found)
	}
}

func TestRunKeeps(t *testing.T) {
	cfg, _ := fakeConfig(t, fakepeer.Well)
	cfg.Keep = true
	if err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	found := left(t)
	if len(found) != 1 {
		t.Fatalf("the run left %v", found)
	}
	dead(t, found[0])
}

func TestRunFailsWhenAnythingDiffers(t *testing.T) {
	cfg, out := fakeConfig(t, fakepeer.Corrupt)
	err := Run(t.Context(), cfg)
	if errs.KindOf(err) != errs.Damaged || !strings.Contains(out.String(), "FAILED") {
		t.Fatalf("Run = %v\n%s", err, out)
	}
	found := left(t)
	if len(found) != 1 || !strings.Contains(errs.HintOf(err), found[0]) || !strings.Contains(errs.HintOf(err), "--seed 3") {
		t.Fatalf("the run left %v and said %q", found, errs.HintOf(err))
	}
	dead(t, found[0])
}

func TestRunSaysWhyTheNetworkDidNotCome(t *testing.T) {
	cfg, _ := fakeConfig(t, fakepeer.Ends)
	err := Run(t.Context(), cfg)
	if err == nil || !strings.Contains(errs.HintOf(err), "the fake peer ends, as told") || !strings.Contains(errs.HintOf(err), "peerd.log") {
		t.Fatalf("Run = %v\n%s", err, errs.HintOf(err))
	}
}

func TestRunThatNeverHadPeersLeavesNothing(t *testing.T) {
	cfg, _ := fakeConfig(t, fakepeer.Well)
	last := steps
	steps = []step{{"build", func(context.Context, *run) (done, error) { return done{}, errors.New("does not build") }}}
	defer func() { steps = last }()
	if err := Run(t.Context(), cfg); err == nil {
		t.Fatal("the run went well")
	}
	if found := left(t); len(found) != 0 {
		t.Errorf("the run left %v", found)
	}
}

func TestRunInterruptedLeavesNothing(t *testing.T) {
	cfg, _ := fakeConfig(t, fakepeer.Well)
	ctx, cancel := context.WithCancel(t.Context())
	last := steps
	steps = append(append([]step{}, steps[:5]...), step{"wait for the user", func(ctx context.Context, _ *run) (done, error) {
		cancel()
		<-ctx.Done()
		return done{}, context.Cause(ctx)
	}})
	defer func() { steps = last }()
	err := Run(ctx, cfg)
	if !errors.Is(err, context.Canceled) || errs.KindOf(err) != errs.Interrupted {
		t.Fatalf("Run = %v", err)
	}
	if found := left(t); len(found) != 0 {
		t.Errorf("the interrupted run left %v", found)
	}
}

func TestRunRefuses(t *testing.T) {
	for _, cfg := range []Config{
		{Peers: 1, Kill: 1}, {Peers: testnet.PeersMax + 1, Kill: 1},
		{Peers: 5, Kill: 5}, {Peers: 5}, {Peers: 5, Kill: 1, Bytes: -1},
	} {
		if err := Run(t.Context(), cfg); errs.KindOf(err) != errs.Usage {
			t.Errorf("Run(%+v) = %v", cfg, err)
		}
	}
}
