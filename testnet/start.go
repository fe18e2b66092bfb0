package testnet

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync/atomic"

	"github.com/atollnet/atoll/internal/errs"
	"golang.org/x/sync/errgroup"
)

// seedsWanted is how many running peers a newcomer is told of. They are
// started first, one after another, because a peer's ID is known only when it
// has answered.
const seedsWanted = 3

// deadAfter is the silence after which a peer of a test network counts as lost:
// people watch them.
const deadAfter = "20s"

// startsAtOnce is how many peers may be between their start and their first
// answer. A start is nearly all processor time, so more of them at once would
// only make every one of them late.
func startsAtOnce() int { return 2 * runtime.NumCPU() }

// Start starts the named peers that are down and returns when each answers
// and has found the network. A paused peer is an error.
func (n *Network) Start(ctx context.Context, peers ...int) error {
	ctx, cancel := context.WithTimeout(ctx, n.cfg.WaitMax)
	defer cancel()
	if err := n.startAll(ctx, peers); err != nil {
		return err
	}
	return n.waitJoined(ctx, peers)
}

// startAll starts the peers, a few at a time, and returns when all answer.
func (n *Network) startAll(ctx context.Context, peers []int) error {
	first := min(seedsWanted, len(peers))
	for k, i := range peers[:first] {
		n.cfg.Progress(fmt.Sprintf("%d of %d peers answer", k, len(peers)))
		if err := n.startOne(ctx, i); err != nil {
			return err
		}
		if err := n.makeRoot(ctx, i); err != nil {
			return err
		}
	}
	var up atomic.Int64
	up.Store(int64(first))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(startsAtOnce())
	for _, i := range peers[first:] {
		group.Go(func() error {
			if err := n.startOne(ctx, i); err != nil {
				return err
			}
			n.cfg.Progress(fmt.Sprintf("%d of %d peers answer", up.Add(1), len(peers)))
			return nil
		})
	}
	return group.Wait()
}

// startOne starts peer i, unless it runs, and returns when it answers.
func (n *Network) startOne(ctx context.Context, i int) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := n.edit(func(s *state) error { return n.launch(s, i) }); err != nil {
		return err
	}
	answer, err := n.waitFor(ctx, i, answers)
	if err != nil {
		return err
	}
	return n.edit(func(s *state) error {
		s.Peers[i].ID = answer.Peer
		return nil
	})
}

// launch starts the process of peer i and writes down its identity.
func (n *Network) launch(s *state, i int) error {
	if err := n.checkIndex(s, i); err != nil {
		return err
	}
	switch alive, paused := s.Peers[i].alive(); {
	case paused:
		err := errs.Newf("start peer", fmt.Sprint(i), errs.Refused, "it is paused")
		return errs.Hint(err, "testnet resume --dir %s %d", n.cfg.Dir, i)
	case alive:
		return nil
	}
	cmd, log, err := n.command(s, i)
	if err != nil {
		return err
	}
	defer log.Close()
	if err := n.spawn(cmd); err != nil {
		return errs.New("start peer", fmt.Sprint(i), errs.Other, err)
	}
	// Nothing has waited for the child yet, so its pid cannot belong to
	// another process, even if it has ended already.
	since, _, _ := inspect(cmd.Process.Pid)
	s.Peers[i].PID, s.Peers[i].Started = cmd.Process.Pid, since
	n.reapers.Go(func() { cmd.Wait() })
	return nil
}

// command returns peer i's command, writing to its log, which the caller
// closes when the process has its own copy.
func (n *Network) command(s *state, i int) (*exec.Cmd, *os.File, error) {
	if err := os.MkdirAll(peerDir(n.cfg.Dir, i), 0o700); err != nil {
		return nil, nil, errs.New("make peer directory", fmt.Sprint(i), errs.Other, err)
	}
	log, err := os.OpenFile(logPath(n.cfg.Dir, i), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, errs.New("open peer's log", fmt.Sprint(i), errs.Other, err)
	}
	args := []string{"run", "--dir", peerDir(n.cfg.Dir, i), "--api", n.API(i),
		"--listen", listenAddress(i, s.Peers[i].Port), "--loopback",
		"--custody-dead-after", deadAfter, "--ring-dead-after", deadAfter}
	for _, seed := range s.seeds(i) {
		args = append(args, "--join", seed)
	}
	args = append(args, n.namesArgs(s, i)...)
	if n.cfg.PProf != 0 {
		args = append(args, "--pprof", fmt.Sprintf("%s:%d", address(i), n.cfg.PProf))
	}
	cmd := exec.Command(n.cfg.Peerd, append(args, n.cfg.Args...)...)
	cmd.Env = append(os.Environ(), n.cfg.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	sessionOf(cmd, n.cfg.Tied)
	return cmd, log, nil
}

// spawn starts the command, tied to this program if the configuration says so.
func (n *Network) spawn(cmd *exec.Cmd) error {
	if !n.cfg.Tied {
		return cmd.Start()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.starter == nil {
		n.starter = newStarter()
	}
	return n.starter.start(cmd)
}

// seeds returns the addresses of a few running peers for peer i to join.
func (s *state) seeds(i int) []string {
	var seeds []string
	for j, r := range s.Peers {
		alive, paused := r.alive()
		if j == i || !alive || paused || r.ID == "" {
			continue
		}
		seeds = append(seeds, listenAddress(j, r.Port)+"/p2p/"+r.ID)
		if len(seeds) == seedsWanted {
			break
		}
	}
	return seeds
}

// listenAddress returns peer i's multiaddress, without its ID.
func listenAddress(i, port int) string { return fmt.Sprintf("/ip4/%s/tcp/%d", address(i), port) }

func (n *Network) checkIndex(s *state, i int) error {
	if i < 0 || i >= len(s.Peers) {
		return errs.Newf("find peer", fmt.Sprint(i), errs.Usage, "there are %d peers, 0 to %d", len(s.Peers), len(s.Peers)-1)
	}
	return nil
}
