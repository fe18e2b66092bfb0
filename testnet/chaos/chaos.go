// Package chaos breaks a network while people use it: it kills, pauses and cuts
// off members of rings, one at a time or a whole ring at once, and puts them
// back, while clients append to a log and store files. In the end it holds what
// the clients saw against what is there.
//
// It must never report success when anything that was acknowledged is missing,
// doubled, out of order or changed.
package chaos

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/testnet"
	"github.com/atollnet/atoll/testnet/progress"
	"github.com/atollnet/atoll/testnet/ringuser"
)

// Config says how large the trial is.
type Config struct {
	Peers   int           // processes to start, at least two more than Members
	Members int           // of each ring: 4, 7 or 10
	Clients int           // who append
	For     time.Duration // how long things break
	Seed    uint64        // chooses who breaks, how and when; 0: a new one
	Keep    bool          // keep the directory
	// Programs are built if Peerd is empty.
	Programs testnet.Binaries
	Out      io.Writer // gets what happened
	Line     *progress.Line
}

func (c *Config) validate() error {
	switch {
	case c.Members != 4 && c.Members != 7 && c.Members != 10:
		return errs.Newf("chaos", "", errs.Usage, "a ring that withstands a failure has 4, 7 or 10 members, not %d", c.Members)
	case c.Peers < c.Members+2 || c.Peers > testnet.PeersMax:
		return errs.Newf("chaos", "", errs.Usage, "%d peers asked for, %d to %d are possible", c.Peers, c.Members+2, testnet.PeersMax)
	case c.Clients < 1 || c.For <= 0:
		return errs.Newf("chaos", "", errs.Usage, "no client or no time")
	}
	for c.Seed == 0 {
		c.Seed = rand.Uint64() >> 32
	}
	return nil
}

// startMax bounds the start of the network, on a machine that may be busy.
const startMax = 2 * time.Minute

// trial is a run.
type trial struct {
	Config
	dir     string
	network *testnet.Network
	peers   []testnet.Peer
	user    *ringuser.User
	log     *ringuser.Object
	appends *appends
	files   *files
	events  []event
	began   time.Time
}

// Run runs the trial, prints what happened, and returns an error if anything is
// not as it must be. The network is taken down, and its directory removed unless
// something failed.
func Run(ctx context.Context, c Config) error {
	if err := c.validate(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "atoll-chaos-")
	if err != nil {
		return errs.New("chaos", "", errs.Other, err)
	}
	t := &trial{Config: c, dir: dir}
	c.Line.Say("seed %d, in %s", c.Seed, dir)
	err = t.run(ctx)
	if endErr := t.end(); err == nil {
		err = endErr
	}
	if err == nil && !c.Keep {
		return os.RemoveAll(dir)
	}
	return errs.Hint(err, "the peers' logs are kept: %s\nthe same again: --seed %d", filepath.Join(dir, "net", "peer*", "peerd.log"), c.Seed)
}

func (t *trial) run(ctx context.Context) error {
	if err := t.start(ctx); err != nil {
		return err
	}
	if err := t.disturb(ctx); err != nil {
		return err
	}
	t.Line.Show("compare what the clients saw with what is there")
	verdict, err := t.judge(ctx)
	if printErr := t.print(verdict); err == nil {
		err = printErr
	}
	return err
}

// start brings up the network, the log and its clients, and the volume.
func (t *trial) start(ctx context.Context) (err error) {
	if t.Programs.Peerd == "" {
		if t.Programs, err = testnet.Programs(ctx, filepath.Join(t.dir, "bin"), t.Line.Show); err != nil {
			return err
		}
	}
	t.network, err = testnet.Up(ctx, testnet.Config{
		Dir: filepath.Join(t.dir, "net"), Peers: t.Peers, Peerd: t.Programs.Peerd,
		Tied: true, WaitMax: startMax, Progress: t.Line.Show,
	})
	if err != nil {
		return err
	}
	if t.peers, err = t.network.Peers(); err != nil {
		return err
	}
	if t.user, err = ringuser.New(ctx, t.peers[:t.Members]); err != nil {
		return err
	}
	members := make([]wire.PeerID, t.Members)
	for i := range members {
		if members[i], err = wire.ParsePeerID(t.peers[i].ID); err != nil {
			return err
		}
	}
	if t.log, err = t.user.Found(ctx, "chaos", members); err != nil {
		return err
	}
	authors, err := t.log.Authors(ctx, t.Clients)
	if err != nil {
		return err
	}
	t.appends = newAppends(t.log, authors)
	t.files, err = newFiles(ctx, t.network.API(t.Peers-1), t.Seed, t.Members)
	return err
}

func (t *trial) end() error {
	if t.user != nil {
		t.user.Close()
	}
	if t.files != nil {
		t.files.close()
	}
	if t.network == nil {
		return nil
	}
	return t.network.Down()
}

// since returns how long the trial has run.
func (t *trial) since() time.Duration { return time.Since(t.began) }

func (t *trial) name(peer int) string { return fmt.Sprintf("peer%02d", peer) }
