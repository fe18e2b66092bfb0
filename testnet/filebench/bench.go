package filebench

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet"
	"github.com/atollnet/atoll/testnet/progress"
)

// Config says what is measured.
type Config struct {
	Peers  int           // processes, 4 to testnet.PeersMax
	Dead   int           // peers killed before the last measurement; fewer than Peers-2
	Runs   int           // of each measurement; medians are reported
	Bytes  int64         // of a large file
	Files  int           // of a tree, of 4 KiB each
	Idle   time.Duration // how long idle peers are watched
	Settle time.Duration // from the end of a measurement until its CPU time is read
	Seed   uint64        // chooses content and ranges; 0: a new one
	Only   []string      // names of what is measured; none: everything
	JSON   bool          // print one document in place of the table
	PProf  int           // port of the peers' profiles; 0: none
	Keep   bool          // keep the directory
	// Programs are built if Peerd is empty.
	Programs testnet.Binaries
	Out      io.Writer // gets the table or the document
	Line     *progress.Line
}

func (c *Config) validate() error {
	switch {
	case c.Peers < peersMin || c.Peers > testnet.PeersMax:
		return errs.Newf("bench", "", errs.Usage, "%d peers asked for, %d to %d are possible", c.Peers, peersMin, testnet.PeersMax)
	case c.Dead < 1 || c.Dead > c.Peers-peersMin+1:
		return errs.Newf("bench", "", errs.Usage, "%d of %d peers cannot be killed: those that read must live", c.Dead, c.Peers)
	case c.Runs < 1 || c.Bytes < rangeBytes || c.Files < 1 || c.Idle <= 0 || c.Settle < 0:
		return errs.Newf("bench", "", errs.Usage, "nothing is to be measured")
	}
	for _, name := range c.Only {
		if !slices.Contains(Names(), name) {
			return errs.Newf("bench", name, errs.Usage, "it is none of %s", strings.Join(Names(), ", "))
		}
	}
	for c.Seed == 0 {
		c.Seed = rand.Uint64() >> 32
	}
	return nil
}

// Who does what. The writer dies with the others before the last measurement.
const (
	reader   = iota // of all that is read while everyone lives
	stranger        // has read nothing before it is asked for a first byte, a range, or anything when peers are dead
	writer
	peersMin = iota + 1
)

// kase is one thing that is measured.
type kase struct {
	name string
	what string
	do   func(context.Context, *bench) ([]Figure, error)
}

// cases run in this order, on one network. Those after "large" read what it
// stored.
var cases = []kase{
	{"idle", "idle peers", idlePeers},
	{"large", "large files, put and got elsewhere", largeFiles},
	{"first", "first byte of a large file elsewhere", firstByte},
	{"range", "random ranges of a large file elsewhere", randomRanges},
	{"small", "files of 1 KiB", smallFiles},
	{"tree", "a tree of small files", smallTree},
	{"dead", "large files got while peers are dead", deadPeers},
}

// Names lists what can be measured.
func Names() (names []string) {
	for _, c := range cases {
		names = append(names, c.name)
	}
	return names
}

// bench is what the cases share.
type bench struct {
	Config
	dir     string
	network *testnet.Network
	large   []largeFile // stored, one for each run
}

// Run measures and prints. The network is taken down, whatever comes of it.
func Run(ctx context.Context, c Config) error {
	if err := c.validate(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "atoll-bench-")
	if err != nil {
		return errs.New("bench", "", errs.Other, err)
	}
	b := &bench{Config: c, dir: dir}
	c.Line.Say("seed %d, in %s", c.Seed, dir)
	figures, err := b.all(ctx)
	if endErr := b.end(); err == nil {
		err = endErr
	}
	if printErr := b.print(figures); err == nil {
		err = printErr
	}
	if err == nil && !c.Keep || errs.KindOf(err) == errs.Interrupted {
		os.RemoveAll(dir)
		return err
	}
	return errs.Hint(err, "the peers' logs are kept: %s", filepath.Join(dir, "net", "peer*", "peerd.log"))
}

func (b *bench) end() error {
	if b.network == nil {
		return nil
	}
	return b.network.Down()
}

func (b *bench) all(ctx context.Context) (figures []Figure, err error) {
	up, err := b.up(ctx)
	if err != nil {
		return nil, err
	}
	figures = append(figures, up)
	for _, c := range cases {
		if !b.wanted(c.name) {
			continue
		}
		b.Line.Show(c.what)
		more, err := c.do(ctx, b)
		if err != nil {
			return figures, errs.Wrap("bench", c.what, err)
		}
		figures = append(figures, more...)
	}
	return figures, nil
}

// wanted reports whether a case is to run. Others need what "large" stores.
func (b *bench) wanted(name string) bool {
	if len(b.Only) == 0 || slices.Contains(b.Only, name) {
		return true
	}
	needs := []string{"first", "range", "dead"}
	return name == "large" && slices.ContainsFunc(b.Only, func(o string) bool { return slices.Contains(needs, o) })
}

// up starts the network and says how long that took.
func (b *bench) up(ctx context.Context) (f Figure, err error) {
	if b.Programs.Peerd == "" {
		if b.Programs, err = testnet.Programs(ctx, filepath.Join(b.dir, "bin"), b.Line.Show); err != nil {
			return f, err
		}
	}
	began := time.Now()
	b.network, err = testnet.Up(ctx, testnet.Config{
		Dir: filepath.Join(b.dir, "net"), Peers: b.Peers, Peerd: b.Programs.Peerd,
		Tied: true, PProf: b.PProf, WaitMax: startMax, Progress: b.Line.Show,
	})
	return seconds("all peers know each other", []float64{time.Since(began).Seconds()}, 15), err
}

// startMax bounds the start of the network, on a machine that may be busy.
const startMax = 2 * time.Minute

func (b *bench) user(peer int) testnet.User {
	return testnet.User{Peerctl: b.Programs.Peerctl, API: b.network.API(peer)}
}

func (b *bench) path(elem ...string) string {
	return filepath.Join(append([]string{b.dir}, elem...)...)
}
