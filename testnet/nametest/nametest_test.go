package nametest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/atollnet/atoll/testnet/testnettest"
)

const (
	peers = 5
	// waitMax is how long a script waits for what peers do by themselves.
	waitMax   = 30 * time.Second
	lookEvery = 100 * time.Millisecond
)

// TestScripts gives each script the same network. Of peer I it knows the socket
// API_I, the host HOST_I, the ports DNS_I, DOT_I and DOH_I, and the pin PIN_I.
func TestScripts(t *testing.T) {
	network := testnettest.Start(t, peers)
	path := filepath.Dir(testnettest.Binaries(t).Peerctl)
	var vars []string
	for i := range peers {
		s, err := network.Ask(t.Context(), i)
		if err != nil {
			t.Fatal(err)
		}
		host, dns, err := net.SplitHostPort(s.DNS)
		if err != nil {
			t.Fatalf("peer %d answers no DNS: %v", i, err)
		}
		vars = append(vars, fmt.Sprintf("API_%d=%s", i, network.API(i)), fmt.Sprintf("HOST_%d=%s", i, host), fmt.Sprintf("DNS_%d=%s", i, dns),
			fmt.Sprintf("DOT_%d=%s", i, portOf(s.DoT)), fmt.Sprintf("DOH_%d=%s", i, portOf(s.DoH)), fmt.Sprintf("PIN_%d=%s", i, s.DNSPin))
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata", RequireUniqueNames: true, RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Vars = append(e.Vars, vars...)
			e.Setenv("PATH", path+string(os.PathListSeparator)+e.Getenv("PATH"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"capture": capture, "until": until},
	})
}

func portOf(at string) string {
	_, port, _ := net.SplitHostPort(at)
	return port
}

// capture VAR sets a variable to what the last command has printed.
func capture(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: capture VAR")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

// until PATTERN PROGRAM ARG... runs a program until it prints what matches.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN PROGRAM ARG...")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for late := time.Now().Add(waitMax); ; <-tick.C {
		// What fails now may work when the network has caught up.
		err := ts.Exec(args[1], args[2:]...)
		out := ts.ReadFile("stdout")
		if pattern.MatchString(out) {
			return
		}
		if time.Now().After(late) {
			ts.Fatalf("not in %v: %s (%v)", waitMax, out, err)
		}
	}
}
