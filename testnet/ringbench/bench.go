// Package ringbench measures rings as they run: members that are processes with
// logs synced to disk, talking over loopback, and clients in this program that
// check what they are told.
//
// It must never report a figure of work that was not acknowledged and proved.
package ringbench

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/testnet"
	"github.com/atollnet/atoll/testnet/progress"
	"github.com/atollnet/atoll/testnet/ringuser"
)

// Config says how much is measured.
type Config struct {
	Members int           // of each ring: 4, 7 or 10; one more peer is no member, and puts the file
	For     time.Duration // how long each load lasts
	Objects int           // that are written at once
	Idle    int           // objects that lie idle on each member
	Settle  time.Duration // how long what they leave to be done may take, and how long they are watched then
	Only    []string      // names of what is measured; none: everything
	Keep    bool          // keep the directory
	PProf   int           // port of the members' profiles; 0: none
	// Programs are built if Peerd is empty.
	Programs testnet.Binaries
	Out      io.Writer // gets the table
	Line     *progress.Line
}

func (c Config) validate() error {
	switch {
	case c.Members != 4 && c.Members != 7 && c.Members != 10:
		return errs.Newf("bench ring", "", errs.Usage, "a ring that withstands a failure has 4, 7 or 10 members, not %d", c.Members)
	case c.For <= 0 || c.Objects < 1 || c.Idle < 1:
		return errs.Newf("bench ring", "", errs.Usage, "nothing is to be measured")
	}
	for _, name := range c.Only {
		if !slices.ContainsFunc(cases, func(k kase) bool { return k.name == name }) {
			return errs.Newf("bench ring", name, errs.Usage, "it is none of %s", strings.Join(Names(), ", "))
		}
	}
	return nil
}

// Names lists what can be measured.
func Names() (names []string) {
	for _, c := range cases {
		names = append(names, c.name)
	}
	return names
}

// kase is one thing that is measured.
type kase struct {
	name string
	what string
	do   func(context.Context, *bench) ([]figure, error)
}

// cases run in this order, on one network.
var cases = []kase{
	{"one", "one client, 4 KiB updates", oneClient},
	{"file", "put of a 2 MiB file to ordered", oneFile},
	{"authors", "one object, 64 authors, 256-byte updates", manyAuthors},
	{"objects", "many objects, 64 clients", manyObjects},
	{"silent", "64 authors, one member paused", silentMember},
	{"leader", "leader killed", killedLeader},
	{"idle", "idle objects on each member", idleObjects},
}

// bench is what the cases share.
type bench struct {
	Config
	dir     string
	network *testnet.Network
	peers   []testnet.Peer // the members, and the one that is none
	user    *ringuser.User
}

// Run measures and prints a table. The network is taken down, whatever comes of
// it.
func Run(ctx context.Context, c Config) error {
	if err := c.validate(); err != nil {
		return err
	}
	b, err := prepare(ctx, c)
	if err != nil {
		return err
	}
	rows, err := b.all(ctx)
	if endErr := b.end(); err == nil {
		err = endErr
	}
	if printErr := print(c.Out, rows); err == nil {
		err = printErr
	}
	if err == nil && !c.Keep {
		return os.RemoveAll(b.dir)
	}
	return errs.Hint(err, "the peers' logs are kept: %s", filepath.Join(b.dir, "net", "peer*", "peerd.log"))
}

func prepare(ctx context.Context, c Config) (*bench, error) {
	dir, err := os.MkdirTemp("", "atoll-bench-")
	if err != nil {
		return nil, errs.New("bench ring", "", errs.Other, err)
	}
	b := &bench{Config: c, dir: dir}
	if b.Programs.Peerd == "" {
		if b.Programs, err = testnet.Programs(ctx, filepath.Join(dir, "bin"), c.Line.Show); err != nil {
			return nil, err
		}
	}
	b.network, err = testnet.Up(ctx, testnet.Config{
		Dir: filepath.Join(dir, "net"), Peers: c.Members + 1, Peerd: b.Programs.Peerd,
		Tied: true, PProf: c.PProf, Progress: c.Line.Show,
	})
	if err != nil {
		return nil, err
	}
	if b.peers, err = b.network.Peers(); err == nil {
		b.user, err = ringuser.New(ctx, b.peers[:c.Members])
	}
	if err != nil {
		b.end()
		return nil, err
	}
	return b, nil
}

func (b *bench) end() error {
	if b.user != nil {
		b.user.Close()
	}
	return b.network.Down()
}

func (b *bench) all(ctx context.Context) (rows []row, err error) {
	for _, c := range cases {
		if len(b.Only) > 0 && !slices.Contains(b.Only, c.name) {
			continue
		}
		b.Line.Show(c.what)
		before, err := b.cpu()
		if err != nil {
			return rows, err
		}
		figures, err := c.do(ctx, b)
		if err != nil {
			return rows, errs.Wrap("bench ring", c.what, err)
		}
		after, err := b.cpu()
		if err != nil {
			return rows, err
		}
		rows = append(rows, row{c.what, figures, taken(before, after)})
	}
	return rows, nil
}

// members returns the peers of every ring that is founded here.
func (b *bench) members() ([]wire.PeerID, error) {
	members := make([]wire.PeerID, b.Members)
	for i := range members {
		var err error
		if members[i], err = wire.ParsePeerID(b.peers[i].ID); err != nil {
			return nil, err
		}
	}
	return members, nil
}

func (b *bench) found(ctx context.Context) (*ringuser.Object, error) {
	members, err := b.members()
	if err != nil {
		return nil, err
	}
	return b.user.Found(ctx, "bench", members)
}

// index returns which peer of the network one is.
func (b *bench) index(p wire.PeerID) int {
	return slices.IndexFunc(b.peers, func(q testnet.Peer) bool { return q.ID == p.String() })
}

// cpu returns what each member has taken so far, in seconds.
func (b *bench) cpu() ([]float64, error) {
	each := make([]float64, b.Members)
	for i := range each {
		u, err := b.network.Usage(i)
		if err != nil {
			return nil, fmt.Errorf("usage of peer %d: %w", i, err)
		}
		each[i] = u.CPUSeconds
	}
	return each, nil
}

// taken returns what all took between two looks. One that was started again
// meanwhile counts from then on.
func taken(before, after []float64) (total float64) {
	for i, a := range after {
		if a < before[i] {
			before[i] = 0
		}
		total += a - before[i]
	}
	return total
}
