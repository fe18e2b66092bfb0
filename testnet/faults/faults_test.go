package faults

import (
	"testing"

	"github.com/atollnet/atoll/testnet"
	"github.com/atollnet/atoll/testnet/testnettest"
)

const (
	// peers is how many the network has: enough that a third may be silent,
	// few enough for a small machine.
	peers = 10
	// extentBytes is more than one extent holds of content that is cut as
	// usual.
	extentBytes = 40 << 20
)

// cluster is the network that the tests share: starting one for each of them
// would take longer than they do. Each test leaves all peers running.
type cluster struct {
	*testnet.Network
	programs testnet.Binaries
}

// TestFaults runs what needs other peers. The steps do not depend on their
// order.
func TestFaults(t *testing.T) {
	c := &cluster{testnettest.Start(t, peers), testnettest.Binaries(t)}
	for _, s := range []struct {
		name string
		run  func(*testing.T, *cluster)
	}{
		{"garbage on every protocol", garbage},
		{"holder killed during a put", holderKilled},
		{"own peer killed during a put", writerKilled},
		{"two peers on one directory", twoOnOneDirectory},
		{"a third of the peers paused", thirdPaused},
		{"wrong references", wrongReferences},
		{"own peer killed during a get", readerKilled},
		{"most holders full", mostFull},
	} {
		t.Run(s.name, func(t *testing.T) { s.run(t, c) })
	}
}

// user returns someone at peer i.
func (c *cluster) user(i int) user { return user{c.programs.Peerctl, c.API(i)} }

// peer returns what is known of peer i now.
func (c *cluster) peer(t *testing.T, i int) testnet.Peer {
	t.Helper()
	all, err := c.Peers()
	if err != nil {
		t.Fatal(err)
	}
	return all[i]
}

func (c *cluster) kill(t *testing.T, peers ...int) {
	t.Helper()
	if err := c.Kill(peers...); err != nil {
		t.Fatal(err)
	}
}

func (c *cluster) start(t *testing.T, peers ...int) {
	t.Helper()
	if err := c.Start(t.Context(), peers...); err != nil {
		t.Fatalf("%v\n%s", err, hint(err))
	}
}

// stored returns the bytes of shares that peer i says it keeps.
func (c *cluster) stored(t *testing.T, i int) uint64 {
	t.Helper()
	s, err := c.Ask(t.Context(), i)
	if err != nil {
		t.Fatal(err)
	}
	return s.StoredBytes
}
