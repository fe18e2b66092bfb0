// Package kills ends a peer with SIGKILL again and again while its user changes a
// volume, at a moment that a seed chooses, starts it again, and looks at what is
// there.
//
// It must never report success when a change that was acknowledged is missing, or
// anything half written is to be seen.
package kills

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet"
	"github.com/atollnet/atoll/testnet/progress"
)

// Config says how large the trial is.
type Config struct {
	Peers int    // processes to start, at least 2
	Ring  int    // members of the volume's ring: 1 is the peer that is killed, itself
	Kills int    // how often
	Seed  uint64 // chooses what is changed and when the peer dies; 0: a new one
	Keep  bool   // keep the directory
	// Programs are built if Peerd is empty.
	Programs testnet.Binaries
	Out      io.Writer // gets what happened
	Line     *progress.Line
}

func (c *Config) validate() error {
	switch {
	case c.Peers < 2 || c.Peers > testnet.PeersMax:
		return errs.Newf("kills", "", errs.Usage, "%d peers asked for, 2 to %d are possible", c.Peers, testnet.PeersMax)
	case c.Kills < 1:
		return errs.Newf("kills", "", errs.Usage, "nothing would be killed")
	}
	for c.Seed == 0 {
		c.Seed = rand.Uint64() >> 32
	}
	return nil
}

const (
	// victim is the peer that dies; witness reads in the end.
	victim, witness = 0, 1
	// startMax bounds the start of the network, on a machine that may be busy.
	startMax = 2 * time.Minute
	// lookEvery is after how many kills everything is looked at.
	lookEvery = 20
	volume    = "kills:"
)

// trial is a run.
type trial struct {
	Config
	dir     string
	network *testnet.Network
	random  *rand.Rand
	model   model
	usual   time.Duration // how long a change takes

	acknowledged, given int // changes that succeeded, and that were cut off
}

// Run runs a trial and returns an error if anything is not as it was
// acknowledged. The network is taken down, and the directory removed unless the
// trial failed.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.validate(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "atoll-kills-")
	if err != nil {
		return errs.New("kills", "", errs.Other, err)
	}
	t := &trial{Config: cfg, dir: dir, random: rand.New(rand.NewPCG(cfg.Seed, 1)), model: newModel()}
	fmt.Fprintf(cfg.Out, "seed %d\n", cfg.Seed)
	err = t.all(ctx)
	if t.network != nil {
		if down := t.network.Down(); err == nil {
			err = down
		}
	}
	if err != nil {
		return errs.Hint(errs.Wrap("kills", "", err), "%s\nthe same again: --seed %d; the peers' logs are in %s", errs.HintOf(err), cfg.Seed, dir)
	}
	fmt.Fprintf(cfg.Out, "%d kills: %d changes were acknowledged and are there, %d were cut off and are there whole or not at all\n",
		cfg.Kills, t.acknowledged, t.given)
	if cfg.Keep {
		fmt.Fprintf(cfg.Out, "kept in %s\n", dir)
		return nil
	}
	return os.RemoveAll(dir)
}

func (t *trial) all(ctx context.Context) (err error) {
	if t.Programs.Peerd == "" {
		if t.Programs, err = testnet.Programs(ctx, filepath.Join(t.dir, "bin"), t.Line.Show); err != nil {
			return err
		}
	}
	t.network, err = testnet.Up(ctx, testnet.Config{
		Dir: filepath.Join(t.dir, "net"), Peers: t.Peers, Peerd: t.Programs.Peerd, Tied: true, WaitMax: startMax, Progress: t.Line.Show,
	})
	if err != nil {
		return err
	}
	made, err := t.user(victim).must(ctx, "init", volume[:len(volume)-1], "--ring", fmt.Sprint(t.Ring))
	if err != nil {
		return err
	}
	reference := firstLine(made)
	if err := t.warm(ctx); err != nil {
		return err
	}
	for i := range t.Kills {
		t.Line.Show(fmt.Sprintf("kill %d of %d", i+1, t.Kills))
		if err := t.kill(ctx, i); err != nil {
			return errs.Wrap(fmt.Sprintf("kill %d", i+1), "", err)
		}
		if (i+1)%lookEvery == 0 {
			if err := t.look(ctx, t.user(victim), volume); err != nil {
				return errs.Wrap(fmt.Sprintf("after kill %d", i+1), "", err)
			}
		}
	}
	if err := t.settle(ctx); err != nil {
		return err
	}
	if err := t.look(ctx, t.user(victim), volume); err != nil {
		return err
	}
	return errs.Wrap("as another peer sees it", "", t.look(ctx, t.user(witness), reference))
}

// warm learns how long a change takes, so that kills fall all over one.
func (t *trial) warm(ctx context.Context) error {
	for i := range 3 {
		c := t.draw(-1 - i)
		began := time.Now()
		if _, err := t.do(ctx, c); err != nil {
			return err
		}
		t.usual = time.Since(began)
		t.model.acknowledge(c)
	}
	return nil
}

// settle makes one more change that nobody disturbs, which waits until all is
// archived: what others see is then what is there.
func (t *trial) settle(ctx context.Context) error {
	c := t.draw(t.Kills)
	c.verb, c.until = put, "archived"
	if _, err := t.do(ctx, c); err != nil {
		return err
	}
	t.model.acknowledge(c)
	return nil
}

// kill starts a change, ends the peer in the midst of it, and starts the peer
// again. A change that was acknowledged must be there at once.
func (t *trial) kill(ctx context.Context, i int) error {
	c := t.draw(i)
	delay := time.Duration(t.random.Int64N(int64(t.usual + t.usual/2)))
	died := make(chan error, 1)
	timer := time.AfterFunc(delay, func() { died <- t.network.Kill(victim) })
	defer timer.Stop()
	began := time.Now()
	done, err := t.do(ctx, c)
	took := time.Since(began)
	if killed := <-died; killed != nil {
		return killed
	}
	if err != nil && ctx.Err() != nil {
		return err
	}
	if done {
		t.acknowledged++
		t.usual = (3*t.usual + took) / 4
		t.model.acknowledge(c)
	} else {
		t.given++
		t.model.attempt(c)
	}
	if err := t.network.Start(ctx, victim); err != nil {
		return err
	}
	return t.entry(ctx, t.user(victim), volume, c.name)
}
