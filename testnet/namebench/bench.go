package namebench

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/client"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet"
	"github.com/atollnet/atoll/testnet/progress"
)

// Config says how much is measured.
type Config struct {
	Peers   int           // processes, 3 to testnet.PeersMax
	Runs    int           // pairs of loads, changes
	For     time.Duration // how long one load lasts, whole seconds
	Settle  time.Duration // from the start of the peer with many names until its cost is watched
	Watch   time.Duration // how long that is
	Names   int           // looked up cold, and published one by one
	Many    int           // names published by one peer
	Only    []string      // names of what is measured; none: everything
	Keep    bool          // keep the directory
	PProf   int           // port of the peers' profiles; 0: none
	WaitMax time.Duration // for the network to come up; 0: two minutes
	// Bare is the command line that runs Bare, which a load is held against; the
	// address to answer at is added.
	Bare []string
	// Programs are built if Peerd is empty.
	Programs testnet.Binaries
	Out      io.Writer // gets the table
	Line     *progress.Line
}

func (c *Config) validate() error {
	switch {
	case c.Peers < peersMin || c.Peers > testnet.PeersMax:
		return errs.Newf("bench names", "", errs.Usage, "%d peers asked for, %d to %d are possible", c.Peers, peersMin, testnet.PeersMax)
	case c.Runs < 1 || c.For < time.Second || c.Watch <= 0 || c.Settle < 0 || c.Names < 1 || c.Many < 1:
		return errs.Newf("bench names", "", errs.Usage, "nothing is to be measured")
	}
	for _, name := range c.Only {
		if !slices.Contains(Names(), name) {
			return errs.Newf("bench names", name, errs.Usage, "it is none of %s", strings.Join(Names(), ", "))
		}
	}
	if c.WaitMax == 0 {
		c.WaitMax = 2 * time.Minute
	}
	return nil
}

// Who does what.
const (
	_        = iota // peer 0 holds the network's root
	owner           // of the names
	asked           // by the load
	peersMin = iota
)

// kase is one thing that is measured.
type kase struct {
	name string
	what string
	do   func(context.Context, *bench) ([]figure, error)
}

// cases run in this order, on one network.
var cases = []kase{
	{"answers", "cached answers over UDP", answers},
	{"cold", "names that nobody asked for before", cold},
	{"publish", "a name published", publish},
	{"change", "a change, seen at all other peers", change},
	{"many", "many names published by one peer", many},
}

// Names lists what can be measured.
func Names() (names []string) {
	for _, c := range cases {
		names = append(names, c.name)
	}
	return names
}

// The zone that is measured.
const (
	label  = "bench"
	origin = label + "." + testnet.NamesSuffix
)

// bench is what the cases share.
type bench struct {
	Config
	dir     string
	network *testnet.Network
	dns     []string // where each peer answers
}

// Run measures and prints a table. The network is taken down, whatever comes of
// it.
func Run(ctx context.Context, c Config) error {
	if err := c.validate(); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "atoll-bench-")
	if err != nil {
		return errs.New("bench names", "", errs.Other, err)
	}
	b := &bench{Config: c, dir: dir}
	figures, err := b.all(ctx)
	if endErr := b.end(); err == nil {
		err = endErr
	}
	if printErr := print(c.Out, figures); err == nil {
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

func (b *bench) all(ctx context.Context) (figures []figure, err error) {
	if err := b.up(ctx); err != nil {
		return nil, err
	}
	for _, c := range cases {
		if len(b.Only) > 0 && !slices.Contains(b.Only, c.name) {
			continue
		}
		b.Line.Show(c.what)
		more, err := c.do(ctx, b)
		if err != nil {
			return figures, errs.Wrap("bench names", c.what, err)
		}
		figures = append(figures, more...)
	}
	return figures, nil
}

// up starts the network, and makes the zone that is measured.
func (b *bench) up(ctx context.Context) (err error) {
	if b.Programs.Peerd == "" {
		if b.Programs, err = testnet.Programs(ctx, filepath.Join(b.dir, "bin"), b.Line.Show); err != nil {
			return err
		}
	}
	b.network, err = testnet.Up(ctx, testnet.Config{
		Dir: filepath.Join(b.dir, "net"), Peers: b.Peers, Peerd: b.Programs.Peerd,
		Names: true, Tied: true, PProf: b.PProf, WaitMax: b.WaitMax, Progress: b.Line.Show,
	})
	if err != nil {
		return err
	}
	if err := b.whereAll(ctx); err != nil {
		return err
	}
	c := b.client(owner)
	defer c.Close()
	if _, err := c.NameZone(ctx, api.NameZoneRequest{Op: "create", Label: label}); err != nil {
		return err
	}
	if err := b.publishNames(ctx, "h", max(b.Names, loadNames)); err != nil {
		return err
	}
	_, err = c.NameRegister(ctx, api.NameRegisterRequest{Name: strings.TrimSuffix(origin, "."), Zone: label})
	return err
}

// whereAll asks each peer where it answers DNS.
func (b *bench) whereAll(ctx context.Context) error {
	b.dns = nil
	for i := range b.Peers {
		s, err := b.network.Ask(ctx, i)
		if err != nil {
			return err
		}
		b.dns = append(b.dns, s.DNS)
	}
	return nil
}

func (b *bench) client(peer int) *client.Client { return client.New(b.network.API(peer), apiMax) }

// apiMax is how long a request may stand still.
const apiMax = 5 * time.Minute

// publishNames publishes n names that begin alike, all at once.
func (b *bench) publishNames(ctx context.Context, prefix string, n int) error {
	c := b.client(owner)
	defer c.Close()
	_, err := c.NameChange(ctx, api.NameChangeRequest{Op: "import", Name: label, Data: []string{master(prefix, n)}})
	return err
}

// master writes a master file of names that begin alike, from 0 on.
func master(prefix string, n int) string {
	var text strings.Builder
	text.WriteString("$TTL 86400\n")
	for i := range n {
		fmt.Fprintf(&text, "%s%d IN A %s\n", prefix, i, firstAddress)
	}
	return text.String()
}

const firstAddress = "192.0.2.7"
