package testnet

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// The tests' peer is this test program itself, run again: it takes peerd's
// command line and serves a status. These variables choose how it misbehaves.
const (
	fakeVar     = "ATOLL_FAKE_PEERD"
	fakeEnds    = "ends"    // it prints a line and ends
	fakeMute    = "mute"    // it runs and never answers
	fakeAlone   = "alone"   // it answers and never finds another peer
	fakeStays   = "stays"   // it does not end when asked to
	fakeWell    = "well"    // it does what a peer does
	fakePattern = "/peer*/" // the directories of the fake network
)

func TestMain(m *testing.M) {
	if how := os.Getenv(fakeVar); how != "" && len(os.Args) > 1 && os.Args[1] == "run" {
		if err := fakePeerd(how); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

type joins []string

func (j *joins) String() string     { return strings.Join(*j, " ") }
func (j *joins) Set(s string) error { *j = append(*j, s); return nil }

// fakePeerd serves a status until it is told to end. The others it knows are
// the sockets beside its own, if it was told of one to join or is the first.
func fakePeerd(how string) error {
	flags := flag.NewFlagSet("peerd run", flag.ContinueOnError)
	dir, socket := flags.String("dir", "", ""), flags.String("api", "", "")
	listen, _ := flags.String("listen", "", ""), flags.Bool("loopback", false, "")
	var join joins
	flags.Var(&join, "join", "")
	if err := flags.Parse(os.Args[2:]); err != nil {
		return err
	}
	fmt.Println("fake peer", *listen, "joins", join.String())
	if how == fakeEnds {
		return fmt.Errorf("the fake peer ends, as told")
	}
	ctx := context.Background()
	if how != fakeStays {
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGTERM)
		defer stop()
	} else {
		signal.Ignore(syscall.SIGTERM)
	}
	if how == fakeMute {
		<-ctx.Done()
		return nil
	}
	return serveFake(ctx, *dir, *socket, how)
}

func serveFake(ctx context.Context, dir, socket, how string) error {
	os.Remove(socket) // a killed peer leaves one
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := Answer{Peer: "fake" + filepath.Base(dir)}
		if how != fakeAlone {
			others, _ := filepath.Glob(filepath.Dir(dir) + fakePattern + "api.sock")
			answer.Peers = len(others) - 1
		}
		json.NewEncoder(w).Encode(answer)
	})}
	context.AfterFunc(ctx, func() { server.Close() })
	server.Serve(listener)
	return nil
}

// fakeConfig returns the configuration of a network of fake peers.
func fakeConfig(t *testing.T, peers int, how string) Config {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "atoll")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return Config{Dir: dir, Peers: peers, Peerd: self, Env: []string{fakeVar + "=" + how}, Tied: true}
}

// up starts a network of fake peers that is taken down with the test.
func up(t *testing.T, peers int) *Network {
	t.Helper()
	n, err := Up(t.Context(), fakeConfig(t, peers, fakeWell))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Down(); err != nil {
			t.Error(err)
		}
	})
	return n
}
