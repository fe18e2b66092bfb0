package testnet

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet/fakepeer"
)

func states(t *testing.T, n *Network) (all []State) {
	t.Helper()
	peers, err := n.Peers()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range peers {
		if (p.State == Down) != (p.PID == 0) {
			t.Errorf("peer %d is %s with pid %d", p.Index, p.State, p.PID)
		}
		all = append(all, p.State)
	}
	return all
}

func mustBe(t *testing.T, n *Network, want ...State) {
	t.Helper()
	if got := states(t, n); !slices.Equal(got, want) {
		t.Fatalf("the peers are %v, want %v", got, want)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.HintOf(err))
	}
}

func TestUpBreakMendDown(t *testing.T) {
	n := up(t, 5)
	mustBe(t, n, Running, Running, Running, Running, Running)
	before, err := n.Peers()
	must(t, err)

	must(t, n.Kill(1, 3))
	must(t, n.Kill(3)) // killing the dead changes nothing
	mustBe(t, n, Running, Down, Running, Down, Running)

	must(t, n.Pause(4))
	mustBe(t, n, Running, Down, Running, Down, Paused)
	must(t, n.Resume(t.Context(), 4))

	must(t, n.Start(t.Context(), 1, 3, 4))
	mustBe(t, n, Running, Running, Running, Running, Running)
	after, err := n.Peers()
	must(t, err)
	for i := range after {
		if after[i].Address != before[i].Address || after[i].ID != before[i].ID || after[i].ID == "" {
			t.Errorf("peer %d was %+v and came back as %+v", i, before[i], after[i])
		}
	}
	if after[1].PID == before[1].PID || after[0].PID != before[0].PID {
		t.Error("peer 1 should be a new process, peer 0 the old one")
	}

	must(t, n.Down())
	mustBe(t, n, Down, Down, Down, Down, Down)
}

func TestNewcomersAreToldOfRunningPeers(t *testing.T) {
	n := up(t, 5)
	must(t, n.Kill(0, 4))
	must(t, n.Start(t.Context(), 4))
	log, err := os.ReadFile(logPath(n.Dir(), 4))
	must(t, err)
	lines := strings.Split(strings.TrimSpace(string(log)), "\n")
	first, again := lines[0], lines[1]
	if !strings.Contains(first, "/p2p/fakepeer00") {
		t.Errorf("at its first start peer 4 was not told of peer 0: %q", first)
	}
	if strings.Contains(again, "/p2p/fakepeer00") || !strings.Contains(again, "/p2p/fakepeer03") {
		t.Errorf("after peer 0 died peer 4 should join others: %q", again)
	}
}

func TestAnotherProgramOpensTheNetwork(t *testing.T) {
	n := up(t, 3)
	other, err := Open(Config{Dir: n.Dir(), Peerd: n.cfg.Peerd, Env: n.cfg.Env})
	must(t, err)
	must(t, other.Kill(2))
	mustBe(t, n, Running, Running, Down)
	must(t, other.Start(t.Context(), 2))
	mustBe(t, n, Running, Running, Running)
}

func TestUpAgain(t *testing.T) {
	n := up(t, 2)
	if _, err := Up(t.Context(), n.cfg); errs.KindOf(err) != errs.Refused {
		t.Fatalf("a running network was started again: %v", err)
	}
	must(t, n.Down())
	cfg := n.cfg
	cfg.Peers = 1
	if _, err := Up(t.Context(), cfg); errs.KindOf(err) != errs.Usage {
		t.Fatalf("the network shrank: %v", err)
	}
	cfg.Peers = 3
	again, err := Up(t.Context(), cfg)
	must(t, err)
	mustBe(t, again, Running, Running, Running)
	must(t, again.Down())
}

func TestUpSaysWhyAPeerDidNotCome(t *testing.T) {
	for _, c := range []struct {
		how   string
		kind  errs.Kind
		error string
		hint  string
	}{
		{fakepeer.Ends, errs.Other, "its process has ended", "the fake peer ends, as told"},
		{fakepeer.Mute, errs.Timeout, "it has not answered", "fake peer /ip4/127."},
		{fakepeer.Alone, errs.Timeout, "it knows 0 of 1 other peers", "fake peer /ip4/127."},
	} {
		t.Run(c.how, func(t *testing.T) {
			cfg := fakeConfig(t, 2, c.how)
			cfg.WaitMax = time.Second
			_, err := Up(t.Context(), cfg)
			if errs.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.error) || !strings.Contains(errs.HintOf(err), c.hint) {
				t.Fatalf("Up = %v\n%s", err, errs.HintOf(err))
			}
			n, err := Open(cfg)
			must(t, err)
			mustBe(t, n, Down, Down)
		})
	}
}

func TestUpGivesUpWhenAsked(t *testing.T) {
	cfg := fakeConfig(t, 2, fakepeer.Mute)
	gone := errors.New("the user went away")
	ctx, cancel := context.WithCancelCause(t.Context())
	cfg.Progress = func(string) { cancel(gone) }
	if _, err := Up(ctx, cfg); !errors.Is(err, gone) {
		t.Fatalf("Up = %v, want %v", err, gone)
	}
	n, err := Open(cfg)
	must(t, err)
	mustBe(t, n, Down, Down)
}

func TestVerbsOnPeersInTheWrongState(t *testing.T) {
	n := up(t, 2)
	must(t, n.Kill(1))
	for _, c := range []struct {
		what string
		do   func() error
		kind errs.Kind
	}{
		{"pause a dead peer", func() error { return n.Pause(1) }, errs.NotFound},
		{"resume a dead peer", func() error { return n.Resume(t.Context(), 1) }, errs.NotFound},
		{"kill no peer", func() error { return n.Kill(2) }, errs.Usage},
		{"start no peer", func() error { return n.Start(t.Context(), -1) }, errs.Usage},
	} {
		if err := c.do(); errs.KindOf(err) != c.kind {
			t.Errorf("%s: %v", c.what, err)
		}
	}
	must(t, n.Pause(0))
	if err := n.Start(t.Context(), 0); errs.KindOf(err) != errs.Refused {
		t.Errorf("start a paused peer: %v", err)
	}
}

// A pid that was written down may belong to another process by now. It must
// neither be taken for the peer nor be signalled.
func TestPidReuse(t *testing.T) {
	n := up(t, 1)
	stranger := exec.Command(n.cfg.Peerd, "run")
	stranger.Env = append(os.Environ(), fakepeer.Var+"="+fakepeer.Mute)
	must(t, stranger.Start())
	defer func() {
		stranger.Process.Kill()
		stranger.Wait()
	}()
	must(t, n.Kill(0))
	since, _, _ := inspect(stranger.Process.Pid)
	must(t, n.edit(func(s *state) error {
		s.Peers[0].PID, s.Peers[0].Started = stranger.Process.Pid, since-1
		return nil
	}))
	mustBe(t, n, Down)
	must(t, n.Kill(0))
	must(t, n.Down())
	if now, _, alive := inspect(stranger.Process.Pid); !alive || now != since {
		t.Fatal("a process that is no peer was killed")
	}
}

func TestDownKillsWhatDoesNotEnd(t *testing.T) {
	grace := endGrace
	endGrace = 200 * time.Millisecond
	defer func() { endGrace = grace }()
	n, err := Up(t.Context(), fakeConfig(t, 1, fakepeer.Stays))
	must(t, err)
	must(t, n.Down())
	mustBe(t, n, Down)
}

// Tied peers end with the thread that started them, which is how they end
// when the program is killed.
func TestTiedPeersEndWithTheirStarter(t *testing.T) {
	n := up(t, 2)
	n.mu.Lock()
	n.starter.close()
	n.starter = nil
	n.mu.Unlock()
	n.reapers.Wait()
	mustBe(t, n, Down, Down)
}
