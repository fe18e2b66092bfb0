package testnet

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/errs"
)

// WaitMax is how long a network or a peer may take to be what a call waits
// for, unless Config says otherwise.
const WaitMax = 60 * time.Second

// Config says which network to bring up, and how.
type Config struct {
	// Dir holds the network's state and one directory for each peer. It is
	// made if absent, and kept by Down.
	Dir string
	// Peers is how many peers the network has, 1 to PeersMax.
	Peers int
	// Peerd is the program to run as a peer; see Locate and Build.
	Peerd string
	// Args and Env are added to every peer's command line and environment.
	Args, Env []string
	// Names has every peer answer DNS, at ports of its own address that its status
	// names, and trust a zone of peer 0 for the names below NamesSuffix, in which
	// others may register names.
	Names bool
	// PProf is the port at which every peer serves its profiles, on the address
	// that it listens on; 0: none.
	PProf int
	// Tied peers are killed when the program that started them ends,
	// whichever way it ends.
	Tied bool
	// WaitMax bounds each wait; zero stands for the constant of that name.
	WaitMax time.Duration
	// Progress, if not nil, is told in a few words what is being waited for.
	// It may be called from several goroutines.
	Progress func(text string)
}

// Network is a network of peers below one directory. Its methods may be used
// from several goroutines, and by several programs on one directory at once:
// what they know in common is the state file, changed under a lock.
type Network struct {
	cfg Config

	mu      sync.Mutex
	starter *starter       // only when Tied, from the first start until Down
	reapers sync.WaitGroup // one for each child that this Network has started
}

// Up starts a network and returns when every peer answers and knows all the
// others. A directory that holds a network already is started again with the
// ports and identities it had, and may grow; it is refused while any of its
// peers runs. If a peer does not come within WaitMax everything is taken down
// again and the error holds the end of that peer's log.
func Up(ctx context.Context, cfg Config) (*Network, error) {
	n, err := newNetwork(cfg)
	if err != nil {
		return nil, err
	}
	if err := n.lay(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, n.cfg.WaitMax)
	defer cancel()
	if err := n.raise(ctx); err != nil {
		return nil, also(err, n.Down())
	}
	return n, nil
}

func (n *Network) raise(ctx context.Context) error {
	all := indexes(n.cfg.Peers)
	if err := n.startAll(ctx, all); err != nil {
		return err
	}
	if err := n.waitAcquainted(ctx, all); err != nil {
		return err
	}
	return n.openRoot(ctx)
}

// Open returns the network whose state lies in cfg.Dir, running or not.
func Open(cfg Config) (*Network, error) {
	n, err := newNetwork(cfg)
	if err != nil {
		return nil, err
	}
	s, err := readState(n.cfg.Dir)
	if err != nil {
		return nil, err
	}
	n.cfg.Peers = len(s.Peers)
	return n, nil
}

func newNetwork(cfg Config) (*Network, error) {
	if cfg.Dir == "" {
		return nil, errs.Hint(errs.Newf("open network", "", errs.Usage, "no directory given"), "name one with --dir")
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, errs.New("open network", cfg.Dir, errs.Usage, err)
	}
	cfg.Dir = dir
	if cfg.WaitMax == 0 {
		cfg.WaitMax = WaitMax
	}
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	return &Network{cfg: cfg}, nil
}

// lay prepares the directory and the state for all peers of the network.
func (n *Network) lay() error {
	if err := checkLayout(n.cfg.Dir, n.cfg.Peers); err != nil {
		return err
	}
	if err := os.MkdirAll(n.cfg.Dir, 0o700); err != nil {
		return errs.New("make network directory", n.cfg.Dir, errs.Other, err)
	}
	return n.edit(func(s *state) error {
		if running := s.count(); running > 0 {
			err := errs.Newf("start network", n.cfg.Dir, errs.Refused, "%d of its peers run already", running)
			return errs.Hint(err, "testnet down --dir %s ends them, testnet start adds those that are missing", n.cfg.Dir)
		}
		if len(s.Peers) > n.cfg.Peers {
			return errs.Newf("start network", n.cfg.Dir, errs.Usage,
				"it has %d peers and cannot shrink to %d", len(s.Peers), n.cfg.Peers)
		}
		return s.grow(n.cfg.Peers)
	})
}

// edit changes the state file under its lock. The change is written even when
// f fails, because what f did to processes before is true all the same.
func (n *Network) edit(f func(*state) error) error {
	lock, err := lockFile(filepath.Join(n.cfg.Dir, lockName))
	if err != nil {
		return errs.New("lock network", n.cfg.Dir, errs.Other, err)
	}
	defer lock.Close()
	s, err := readState(n.cfg.Dir)
	if errs.KindOf(err) == errs.NotFound {
		s = &state{Format: stateFormat}
		err = s.forgetOtherBoots()
	}
	if err != nil {
		return err
	}
	return also(f(s), s.write(n.cfg.Dir))
}

// also returns the first error, and the second one with it if there are two:
// alone it keeps its hint.
func also(err, second error) error {
	if err == nil || second == nil {
		return cmp.Or(err, second)
	}
	return errors.Join(err, second)
}

// Dir returns the network's directory, as an absolute path.
func (n *Network) Dir() string { return n.cfg.Dir }

// State is what a peer is doing.
type State string

// The states of a peer, as status tells them.
const (
	Running State = "running"
	Paused  State = "paused"
	Down    State = "down"
)

// Peer is what is known of one peer now.
type Peer struct {
	Index   int    `json:"index"`
	PID     int    `json:"pid"` // 0 when it is down
	State   State  `json:"state"`
	ID      string `json:"peer"` // its peer ID; empty until it first answered
	API     string `json:"api"`  // the path of its API socket
	Address string `json:"address"`
	Dir     string `json:"dir"`
	Log     string `json:"log"`
}

// Peers returns all peers, by index.
func (n *Network) Peers() ([]Peer, error) {
	s, err := readState(n.cfg.Dir)
	if err != nil {
		return nil, err
	}
	peers := make([]Peer, len(s.Peers))
	for i, r := range s.Peers {
		peers[i] = n.peer(i, r)
	}
	return peers, nil
}

// API returns the path of peer i's API socket.
func (n *Network) API(i int) string { return socketPath(n.cfg.Dir, i) }

func (n *Network) peer(i int, r record) Peer {
	p := Peer{
		Index: i, State: Down, ID: r.ID, Address: listenAddress(i, r.Port),
		API: n.API(i), Dir: peerDir(n.cfg.Dir, i), Log: logPath(n.cfg.Dir, i),
	}
	if alive, paused := r.alive(); alive {
		p.PID, p.State = r.PID, Running
		if paused {
			p.State = Paused
		}
	}
	return p
}

func indexes(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}
