package testnet

import (
	"os"
	"testing"

	"github.com/atollnet/atoll/testnet/fakepeer"
)

// The tests' peer is this test program itself, run again.
func TestMain(m *testing.M) {
	if !fakepeer.Main() {
		os.Exit(m.Run())
	}
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
	return Config{Dir: dir, Peers: peers, Peerd: self, Env: []string{fakepeer.Var + "=" + how}, Tied: true}
}

// up starts a network of fake peers that is taken down with the test.
func up(t *testing.T, peers int) *Network {
	t.Helper()
	n, err := Up(t.Context(), fakeConfig(t, peers, fakepeer.Well))
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
