// Package sizes starts networks of few and of more peers, one after another, and
// sees that each stores, survives the loss of the peer that stored and of a
// quarter of all, heals, and survives as much again.
//
// It must never report success when a byte that came back is another, or when a
// network is not healthy again in time.
package sizes

import (
	"bytes"
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

// Config says which networks there are to be.
type Config struct {
	Sizes []int         // peers of each
	Heal  time.Duration // how long one may take to be healthy again; 0: it need not be
	Seed  uint64        // chooses the content; 0: a new one
	// Programs are built if Peerd is empty.
	Programs testnet.Binaries
	Out      io.Writer // gets a line for each network
	Line     *progress.Line
}

// Default are the sizes at which something else begins to hold: alone; one other;
// fewer than a ring of four; a ring of four; shares for each peer of small and of
// large extents, less one.
var Default = []int{1, 2, 3, 5, 16, 31}

func (c *Config) validate() error {
	if len(c.Sizes) == 0 {
		return errs.Newf("sizes", "", errs.Usage, "no network is asked for")
	}
	for _, n := range c.Sizes {
		if n < 1 || n > testnet.PeersMax {
			return errs.Newf("sizes", "", errs.Usage, "%d peers asked for, 1 to %d are possible", n, testnet.PeersMax)
		}
	}
	for c.Seed == 0 {
		c.Seed = rand.Uint64() >> 32
	}
	return nil
}

const (
	// startMax bounds the start of a network, on a machine that may be busy.
	startMax = 2 * time.Minute
	// lookEvery is between two looks whether it is healthy.
	lookEvery = time.Second
	// largeBytes is more than one extent of small blocks has.
	largeBytes = 5_000_000
)

// Run tries each network and returns the first error.
func Run(ctx context.Context, cfg Config) error {
	if err := cfg.validate(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "atoll-sizes-")
	if err != nil {
		return errs.New("sizes", "", errs.Other, err)
	}
	fmt.Fprintf(cfg.Out, "seed %d\n", cfg.Seed)
	if cfg.Programs.Peerd == "" {
		if cfg.Programs, err = testnet.Programs(ctx, filepath.Join(dir, "bin"), cfg.Line.Show); err != nil {
			return err
		}
	}
	for _, peers := range cfg.Sizes {
		t := trial{Config: cfg, peers: peers, dir: filepath.Join(dir, fmt.Sprint(peers))}
		if err := t.run(ctx); err != nil {
			err = errs.Wrap("sizes", fmt.Sprintf("%d peers", peers), err)
			return errs.Hint(err, "%s\nthe same again: --sizes %d --seed %d; the peers' logs are in %s", errs.HintOf(err), peers, cfg.Seed, t.dir)
		}
	}
	return os.RemoveAll(dir)
}

// trial is one network.
type trial struct {
	Config
	peers   int
	dir     string
	network *testnet.Network
	files   []file
	dead    int // the first so many peers
}

// file is one that was stored.
type file struct {
	path, reference string
	content         []byte
}

func (t *trial) run(ctx context.Context) (err error) {
	t.network, err = testnet.Up(ctx, testnet.Config{
		Dir: filepath.Join(t.dir, "net"), Peers: t.peers, Peerd: t.Programs.Peerd, Tied: true, WaitMax: startMax, Progress: t.Line.Show,
	})
	if err != nil {
		return err
	}
	err = t.lives(ctx)
	if down := t.network.Down(); err == nil {
		err = down
	}
	return err
}

// lives stores, and loses peers twice, as far as there are some to lose.
func (t *trial) lives(ctx context.Context) error {
	if err := t.store(ctx); err != nil {
		return err
	}
	if err := t.healthy(ctx); err != nil {
		return err
	}
	if err := t.fetch(ctx); err != nil {
		return err
	}
	said := fmt.Sprintf("%2d peers: stored, healthy, fetched", t.peers)
	for round := range 2 {
		lose := max(1, t.peers/4)
		if t.peers == 1 || round > 0 && (t.peers < 5 || t.Heal == 0) {
			break // who holds what they have is the one that stays
		}
		if err := t.lose(ctx, lose); err != nil {
			return err
		}
		said += fmt.Sprintf("; without %d fetched", t.dead)
		if t.Heal > 0 && t.peers-t.dead > 1 {
			began := time.Now()
			if err := t.heals(ctx); err != nil {
				return err
			}
			said += fmt.Sprintf(", healthy after %v", time.Since(began).Round(time.Second))
		}
	}
	fmt.Fprintln(t.Out, said)
	return nil
}

func (t *trial) user(i int) testnet.User {
	return testnet.User{Peerctl: t.Programs.Peerctl, API: t.network.API(i)}
}

// store puts a small and a large file through the first peer.
func (t *trial) store(ctx context.Context) error {
	random := rand.NewChaCha8([32]byte{byte(t.Seed), byte(t.Seed >> 8), byte(t.Seed >> 16), byte(t.Seed >> 24), byte(t.peers)})
	for i, size := range []int{10, largeBytes} {
		f := file{path: filepath.Join(t.dir, fmt.Sprint("file", i)), content: make([]byte, size)}
		random.Read(f.content)
		if err := os.WriteFile(f.path, f.content, 0o600); err != nil {
			return errs.New("write", f.path, errs.Other, err)
		}
		stored, err := t.user(0).Put(ctx, f.path, "home:/"+filepath.Base(f.path))
		if err != nil {
			return err
		}
		f.reference = stored.Reference
		t.files = append(t.files, f)
	}
	return nil
}

// fetch gets all files through the last peer and compares them.
func (t *trial) fetch(ctx context.Context) error {
	for _, f := range t.files {
		back := f.path + ".back"
		if err := t.user(t.peers-1).Get(ctx, f.reference, back); err != nil {
			return err
		}
		got, err := os.ReadFile(back)
		if err != nil {
			return errs.New("read", back, errs.Other, err)
		}
		if !bytes.Equal(got, f.content) {
			return errs.Newf("compare", f.path, errs.Damaged, "%d bytes came back, and are not the %d that were stored", len(got), len(f.content))
		}
	}
	return nil
}

// healthy reports, as an error, whether something has too few shares.
func (t *trial) healthy(ctx context.Context) error {
	for _, f := range t.files {
		if _, err := t.user(t.peers-1).Run(ctx, "check", f.reference); err != nil {
			return err
		}
	}
	return nil
}

// lose kills the next peers for good, at first the one that stored, and fetches
// all.
func (t *trial) lose(ctx context.Context, count int) error {
	var victims []int
	for range count {
		victims = append(victims, t.dead)
		t.dead++
	}
	if err := t.network.Kill(victims...); err != nil {
		return err
	}
	return errs.Wrap(fmt.Sprintf("without %d peers", t.dead), "", t.fetch(ctx))
}

// heals waits until the peers that are left have rebuilt what is missing.
func (t *trial) heals(ctx context.Context) error {
	late := time.After(t.Heal)
	for {
		t.Line.Show(fmt.Sprintf("%d peers: %d are dead, the others rebuild", t.peers, t.dead))
		err := t.healthy(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(lookEvery):
		case <-late:
			return errs.Wrap(fmt.Sprintf("not healthy %v after %d peers died", t.Heal, t.dead), "", err)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
