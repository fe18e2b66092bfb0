// Package demo shows on one machine what Atoll is for: it starts a network of
// peers, stores a tree and a large file through one of them, kills a third of
// the peers, the one that stored among them, and fetches both through a peer
// that has never seen them. It uses the programs as a user would.
//
// It must never report success when a byte, a name or an attribute differs,
// and must leave no process behind, however it ends.
package demo

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet"
	"github.com/atollnet/atoll/testnet/progress"
)

const (
	// timeMax bounds the whole run; a machine of two cores needs a fifth of it.
	timeMax = 10 * time.Minute
	// startMax bounds the start of the network: longer than a person would
	// wait, because a gate may run on a machine that is busy.
	startMax = 2 * time.Minute
	// putterWanted is the peer that stores, where the network has so many.
	putterWanted = 7
)

// Config says how large the demonstration is.
type Config struct {
	Peers int    // processes to start, at least 2
	Kill  int    // peers to kill, the one that stored among them; fewer than Peers
	Bytes int64  // size of the large file
	Seed  uint64 // chooses the file's content, who dies and who fetches; 0: a new one
	Keep  bool   // keep the directory, whatever the outcome
	Tree  string // the tree to store; empty: the Go toolchain's own src/net
	// Programs are built if Peerd is empty.
	Programs testnet.Binaries
	Out      io.Writer // gets the table of what happened
	Line     *progress.Line
}

func (c *Config) validate() error {
	switch {
	case c.Peers < 2 || c.Peers > testnet.PeersMax:
		return errs.Newf("demo", "", errs.Usage, "%d peers asked for, 2 to %d are possible", c.Peers, testnet.PeersMax)
	case c.Kill < 1 || c.Kill >= c.Peers:
		return errs.Newf("demo", "", errs.Usage, "%d of %d peers cannot be killed: the one that stores dies, and one must be left to fetch", c.Kill, c.Peers)
	case c.Bytes < 0:
		return errs.Newf("demo", "", errs.Usage, "a file cannot have %d bytes", c.Bytes)
	}
	for c.Seed == 0 {
		c.Seed = rand.Uint64() >> 32
	}
	return nil
}

// run is what the steps share.
type run struct {
	Config
	dir     string // of everything that the run writes
	network *testnet.Network
	plan    plan
	tree    item // a tree of many small files
	file    item // one large file
}

// item is something that is stored and fetched.
type item struct {
	source    string // where it was stored from
	reference string // what storing printed
	fetched   string // where it was fetched to
	bytes     int64
	sum       []byte // of a file: the SHA-256 of what was stored
}

// Run runs the demonstration and returns an error if any step of it failed or
// anything came back different. The network is taken down and the directory
// removed, unless a step failed: then the logs are kept and the error's hint
// names them.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.validate(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, timeMax)
	defer cancel()
	r, err := prepare(ctx, cfg)
	if err != nil {
		return err
	}
	cfg.Line.Say("seed %d, in %s", cfg.Seed, r.dir)
	report, err := r.all(ctx, steps)
	if downErr := r.end(); err == nil {
		err = downErr
	}
	report.print(cfg.Out)
	return r.leave(err)
}

func prepare(ctx context.Context, cfg Config) (*run, error) {
	if cfg.Tree == "" {
		root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
		if err != nil {
			return nil, errs.New("find the Go toolchain's sources", "", errs.Other, err)
		}
		cfg.Tree = filepath.Join(strings.TrimSpace(string(root)), "src", "net")
	}
	dir, err := os.MkdirTemp("", "atoll-demo-")
	if err != nil {
		return nil, errs.New("demo", "", errs.Other, err)
	}
	r := &run{Config: cfg, dir: dir, plan: makePlan(cfg)}
	r.tree = item{source: cfg.Tree, fetched: r.path("fetched", "tree")}
	r.file = item{source: r.path("file"), fetched: r.path("fetched", "file")}
	return r, nil
}

// user is a person at one of the peers.
func (r *run) user(peer int) testnet.User {
	return testnet.User{Peerctl: r.Programs.Peerctl, API: r.network.API(peer)}
}

func (r *run) path(elem ...string) string {
	return filepath.Join(append([]string{r.dir}, elem...)...)
}

// all runs the steps in order until one fails.
func (r *run) all(ctx context.Context, steps []step) (report, error) {
	var rep report
	for _, s := range steps {
		r.Line.Show(s.name)
		began, cpu := time.Now(), r.cpu()
		done, err := s.do(ctx, r)
		rep.add(s.name, time.Since(began), done, r.cpu()-cpu, err)
		if err != nil {
			return rep, errs.Wrap(s.name, "", err)
		}
	}
	return rep, nil
}

// end kills every peer that still runs.
func (r *run) end() error {
	if r.network == nil {
		return nil
	}
	r.Line.Show("take the network down")
	var all []int
	for i := range r.Peers {
		all = append(all, i)
	}
	if err := r.network.Kill(all...); err != nil {
		return err
	}
	return r.network.Down()
}

// leave removes the directory, or says why it is kept.
func (r *run) leave(err error) error {
	_, noPeers := os.Stat(r.path("net"))
	switch {
	case err != nil && errs.KindOf(err) != errs.Interrupted && noPeers == nil:
		return r.hint(err)
	case r.Keep:
		r.Line.Say("kept: %s", r.dir)
		return err
	}
	if removeErr := os.RemoveAll(r.dir); err == nil {
		err = removeErr
	}
	return err
}

// hint adds where the logs are, and how to see the same again.
func (r *run) hint(err error) error {
	hint := fmt.Sprintf("the peers' logs are kept: %s\nthe same again: --seed %d", r.path("net", "peer*", "peerd.log"), r.Seed)
	if earlier := errs.HintOf(err); earlier != "" {
		hint = earlier + "\n" + hint
	}
	return errs.Hint(err, "%s", hint)
}
