package testnet

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/atollnet/atoll/internal/errs"
)

// endGrace is how long peers may take to end by themselves when the network
// goes down; what still lives then is killed. Tests shorten it.
var endGrace = 15 * time.Second

const (
	// killGrace is how long the kernel may take to carry out a signal.
	killGrace = 10 * time.Second
	// lookEvery is the time between two looks at a process that was signalled.
	lookEvery = 5 * time.Millisecond
)

// Kill ends the named peers with SIGKILL and returns when they are gone. A
// peer that is down already stays so.
func (n *Network) Kill(peers ...int) error {
	return n.edit(func(s *state) error {
		if err := n.signal(s, peers, signalKill); err != nil {
			return err
		}
		return n.awaitGone(s, peers, killGrace)
	})
}

// Pause stops the named peers with SIGSTOP, as a machine that hangs: their
// connections stay open and nothing answers. It returns when it is so.
func (n *Network) Pause(peers ...int) error {
	return n.edit(func(s *state) error {
		if err := n.mustLive(s, peers); err != nil {
			return err
		}
		if err := n.signal(s, peers, signalPause); err != nil {
			return err
		}
		return n.await(s, peers, killGrace, func(r record) bool {
			alive, paused := r.alive()
			return paused || !alive
		})
	})
}

// Resume lets the named peers go on and returns when each answers and has
// found the network again.
func (n *Network) Resume(ctx context.Context, peers ...int) error {
	err := n.edit(func(s *state) error {
		if err := n.mustLive(s, peers); err != nil {
			return err
		}
		return n.signal(s, peers, signalContinue)
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, n.cfg.WaitMax)
	defer cancel()
	return n.waitJoined(ctx, peers)
}

// Cut takes the named peers off the network, as a broken cable does: they run on
// and serve their users. A process that ends forgets it.
func (n *Network) Cut(peers ...int) error {
	return n.edit(func(s *state) error {
		if err := n.mustLive(s, peers); err != nil {
			return err
		}
		return n.signal(s, peers, signalCut)
	})
}

// Mend puts the named peers back and returns when each has found the network.
func (n *Network) Mend(ctx context.Context, peers ...int) error {
	err := n.edit(func(s *state) error {
		if err := n.mustLive(s, peers); err != nil {
			return err
		}
		return n.signal(s, peers, signalMend)
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, n.cfg.WaitMax)
	defer cancel()
	return n.waitJoined(ctx, peers)
}

// Down ends all peers and returns when they are gone: they are asked to end,
// and killed if they have not within a grace. Everything on disk is kept.
func (n *Network) Down() error {
	err := n.edit(func(s *state) error {
		all := indexes(len(s.Peers))
		for _, sig := range []os.Signal{signalContinue, signalEnd} {
			if err := n.signal(s, all, sig); err != nil {
				return err
			}
		}
		if n.awaitGone(s, all, endGrace) == nil {
			return nil
		}
		if err := n.signal(s, all, signalKill); err != nil {
			return err
		}
		return n.awaitGone(s, all, killGrace)
	})
	if err == nil {
		n.release()
	}
	return err
}

// release ends what this Network keeps for its children; all are gone.
func (n *Network) release() {
	n.reapers.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.starter != nil {
		n.starter.close()
		n.starter = nil
	}
}

// signal sends sig to the named peers that live.
func (n *Network) signal(s *state, peers []int, sig os.Signal) error {
	for _, i := range peers {
		if err := n.checkIndex(s, i); err != nil {
			return err
		}
		if s.Peers[i].PID == 0 {
			continue
		}
		if _, err := signalProcess(s.Peers[i].PID, s.Peers[i].Started, sig); err != nil {
			return errs.New(fmt.Sprintf("send %v to peer", sig), fmt.Sprint(i), errs.Other, err)
		}
	}
	return nil
}

func (n *Network) mustLive(s *state, peers []int) error {
	for _, i := range peers {
		if err := n.checkIndex(s, i); err != nil {
			return err
		}
		if alive, _ := s.Peers[i].alive(); !alive {
			err := errs.Newf("signal peer", fmt.Sprint(i), errs.NotFound, "it is down")
			return errs.Hint(err, "testnet start --dir %s %d", n.cfg.Dir, i)
		}
	}
	return nil
}

// awaitGone waits until none of the peers lives and forgets their pids.
func (n *Network) awaitGone(s *state, peers []int, max time.Duration) error {
	err := n.await(s, peers, max, func(r record) bool {
		alive, _ := r.alive()
		return !alive
	})
	if err != nil {
		return err
	}
	for _, i := range peers {
		s.Peers[i].PID, s.Peers[i].Started = 0, 0
	}
	return nil
}

// await looks at the peers' processes until each is as is says.
func (n *Network) await(s *state, peers []int, max time.Duration, is func(record) bool) error {
	deadline := time.Now().Add(max)
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for _, i := range peers {
		for !is(s.Peers[i]) {
			if time.Now().After(deadline) {
				return errs.Newf("wait for process of peer", fmt.Sprint(i), errs.Timeout, "pid %d has not obeyed within %v", s.Peers[i].PID, max)
			}
			<-look.C
		}
	}
	return nil
}
