// Package fakepeer is a stand-in for peerd and peerctl in the tests of test
// networks: a test program runs itself again, and Main makes it a peer that
// serves a status, or a user's command that copies files.
//
// It is for tests only and must know nothing of the real programs but their
// command lines and the local API.
package fakepeer

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/api/server"
)

// Var is the environment variable that makes a test program a fake peer. Its
// value says how the peer behaves.
const Var = "ATOLL_FAKE_PEER"

// How a fake peer may behave.
const (
	Well    = "well"    // it does what a peer does
	Ends    = "ends"    // it prints a line and ends
	Mute    = "mute"    // it runs and never answers
	Alone   = "alone"   // it answers and never finds another peer
	Stays   = "stays"   // it does not end when asked to
	Corrupt = "corrupt" // what it fetches has other bytes than what was stored
)

// Main plays the part that the environment and the command line ask for. It
// reports whether there was one; if not, the program is to run its tests.
func Main() bool {
	how := os.Getenv(Var)
	if how == "" || len(os.Args) < 2 {
		return false
	}
	var err error
	switch os.Args[1] {
	case "run":
		err = peerd(how, os.Args[2:])
	case "put":
		err = put(os.Args[2:])
	case "check": // everything is whole
	case "ring":
		err = ring()
	case "get":
		err = get(how, os.Args[2:])
	default:
		var known bool
		if known, err = edit(os.Args[1], os.Args[2:]); !known {
			return false
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

type joins []string

func (j *joins) String() string     { return strings.Join(*j, " ") }
func (j *joins) Set(s string) error { *j = append(*j, s); return nil }

// peerd serves a status until it is told to end.
func peerd(how string, args []string) error {
	flags := flag.NewFlagSet("peerd run", flag.ContinueOnError)
	dir, socket := flags.String("dir", "", ""), flags.String("api", "", "")
	listen, _ := flags.String("listen", "", ""), flags.Bool("loopback", false, "")
	flags.String("custody-dead-after", "", "")
	flags.String("ring-dead-after", "", "")
	for _, name := range []string{"dot", "doh", "root"} {
		flags.String(name, "", "")
	}
	names := flags.String("dns", "", "")
	var join joins
	flags.Var(&join, "join", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	fmt.Println("fake peer", *listen, "joins", join.String())
	signal.Ignore(syscall.SIGUSR1, syscall.SIGUSR2) // it has no network to be cut off from
	if how == Ends {
		return fmt.Errorf("the fake peer ends, as told")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if how == Stays {
		ctx = context.Background()
	}
	if how == Mute {
		<-ctx.Done()
		return nil
	}
	at, err := serveDNS(ctx, *names, how)
	if err != nil {
		return err
	}
	return serve(ctx, *socket, backend{dir: *dir, how: how, dns: at})
}

// backend answers for the fake peer: its status, and that it has made a zone.
type backend struct {
	api.Backend // nil: no other question is asked
	api.Names   // nil
	dir, how    string
	dns         string // where it answers DNS
}

// NameZone pretends that a zone is made or changed.
func (b backend) NameZone(_ context.Context, r api.NameZoneRequest) (api.NameZone, error) {
	return api.NameZone{Label: r.Label, Root: r.Root != "", DS: []string{"test. 3600 IN DS 1 15 2 00"}}, nil
}

// Status returns the fake peer's status. The others that it knows are the
// sockets beside its own.
func (b backend) Status(context.Context) (api.Status, error) {
	known := 0
	if b.how != Alone {
		sockets, err := filepath.Glob(filepath.Join(b.dir, "..", "peer*", "api.sock"))
		if err != nil {
			return api.Status{}, err
		}
		known = len(sockets) - 1
	}
	return api.Status{Peer: "fake" + filepath.Base(b.dir), Peers: known, DNS: b.dns}, nil
}

func serve(ctx context.Context, socket string, b backend) error {
	listener, err := server.Listen(socket)
	if err != nil {
		return err
	}
	return server.Serve(ctx, listener, b)
}
