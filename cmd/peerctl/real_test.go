package main

import (
	"testing"

	"github.com/atollnet/atoll/testnet/testnettest"
)

// TestCommonScriptsOnRealPeers runs what any peerd must do against real ones: a
// volume's ring has four members, and the user's own peer is not among them.
func TestCommonScriptsOnRealPeers(t *testing.T) {
	network := testnettest.Start(t, 5)
	runScripts(t, "testdata/common", network.API(0))
}
