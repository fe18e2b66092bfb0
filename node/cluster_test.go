package node

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// cluster is peers in one process, each with a directory and an address of its
// own.
type cluster struct {
	t     *testing.T
	nodes []*Node
	stops []func()
	dirs  []string
	ports []string // once they are known
	tune  func(*Config)
	// opened, if not nil, is called with each peer before it runs.
	opened func(i int, n *Node)
}

// newCluster starts n peers that know each other.
func newCluster(t *testing.T, n int) *cluster { return newClusterOf(t, n, func(*Config) {}) }

// newClusterOf starts n peers with a configuration of the test's own.
func newClusterOf(t *testing.T, n int, tune func(*Config)) *cluster {
	t.Helper()
	c := &cluster{t: t, tune: tune, nodes: make([]*Node, n), stops: make([]func(), n), dirs: make([]string, n), ports: make([]string, n)}
	for i := range n {
		c.begin(i)
	}
	c.meet()
	return c
}

// begin starts a peer for the first time.
func (c *cluster) begin(i int) {
	c.t.Helper()
	dir, err := os.MkdirTemp("", "atoll") // short enough for a socket
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { os.RemoveAll(dir) })
	c.dirs[i] = dir
	c.start(i)
	c.t.Cleanup(func() { c.stop(i) })
}

// add starts another peer and returns which it is.
func (c *cluster) add() int {
	i := len(c.nodes)
	c.nodes, c.stops = append(c.nodes, nil), append(c.stops, nil)
	c.dirs, c.ports = append(c.dirs, ""), append(c.ports, "")
	c.begin(i)
	return i
}

// meet waits until all that run know each other.
func (c *cluster) meet() {
	c.t.Helper()
	c.until("all know each other", func() bool {
		for _, n := range c.nodes {
			if n != nil && n.live() < c.running()-1 {
				return false
			}
		}
		return true
	})
}

func (c *cluster) running() (running int) {
	for _, n := range c.nodes {
		if n != nil {
			running++
		}
	}
	return running
}

// start starts a peer on its directory as it is.
func (c *cluster) start(i int) {
	c.t.Helper()
	config := Config{
		Dir: c.dirs[i], API: c.dirs[i] + "/s", Loopback: true, QuotaBytes: 1 << 30,
		Listen: []string{fmt.Sprintf("/ip4/127.%d.0.1/tcp/%s", i+1, cmp.Or(c.ports[i], "0"))},
	}
	config.DNS, config.DoT, config.DoH = none, none, none
	c.tune(&config)
	for _, other := range c.nodes {
		if other != nil {
			config.Join = append(config.Join, other.host.Addresses()...)
		}
	}
	n, err := Open(c.t.Context(), config)
	if err != nil {
		c.t.Fatal(err)
	}
	if c.opened != nil {
		c.opened(i, n)
	}
	c.ports[i] = strings.Split(n.host.Addresses()[0], "/")[4]
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	c.nodes[i] = n
	c.stops[i] = func() {
		cancel()
		if err := <-done; err != nil {
			c.t.Error(err)
		}
	}
}

// stop ends a peer.
func (c *cluster) stop(i int) {
	if c.nodes[i] != nil {
		c.stops[i]()
		c.nodes[i] = nil
	}
}

// until waits for something that the peers do by themselves.
func (c *cluster) until(what string, done func() bool) {
	c.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.After(30 * time.Second)
	for !done() {
		select {
		case <-tick.C:
		case <-late:
			c.t.Fatalf("not in 30 s: %s", what)
		}
	}
}

func (c *cluster) user(i int) backend { return backend{c.nodes[i]} }

// init makes a volume at a peer and returns its object.
func (c *cluster) init(i, ring int) (wire.ObjectID, string) {
	c.t.Helper()
	return c.initAs(i, api.InitRequest{Ring: ring})
}

// initAs makes a volume as the request says.
func (c *cluster) initAs(i int, r api.InitRequest) (wire.ObjectID, string) {
	c.t.Helper()
	v, err := c.user(i).Init(c.t.Context(), r)
	if err != nil {
		c.t.Fatal(err)
	}
	object, err := wire.ParseObjectID(v.Object)
	if err != nil {
		c.t.Fatal(err)
	}
	return object, v.Reference
}

// put stores a file with that content.
func (c *cluster) put(i int, ref, content string) (api.PutResult, error) {
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	return c.user(i).Put(ctx, api.PutRequest{Dest: ref, Mode: 0o644, Until: api.Ordered}, bytes.NewReader([]byte(content)))
}

func (c *cluster) mustPut(i int, ref, content string) api.PutResult {
	c.t.Helper()
	r, err := c.put(i, ref, content)
	if err != nil {
		c.t.Fatalf("put %s at peer %d: %v", ref, i, err)
	}
	return r
}

// get reads a file.
func (c *cluster) get(i int, ref string) (string, error) {
	_, r, err := c.user(i).Open(c.t.Context(), api.ReadRequest{Ref: ref})
	if err != nil {
		return "", err
	}
	defer r.Close()
	b, err := io.ReadAll(r)
	return string(b), err
}

// members returns the indexes of the peers in an object's ring, the leader of
// view 0 first.
func (c *cluster) members(i int, object wire.ObjectID) (members []int) {
	c.t.Helper()
	k, err := c.nodes[i].ring.find(c.t.Context(), object)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, p := range c.nodes[i].ring.inOrder(k) {
		for j, n := range c.nodes {
			if n != nil && n.host.Self() == p {
				members = append(members, j)
			}
		}
	}
	return members
}

// outside returns a peer that is none of those.
func (c *cluster) outside(members ...int) int {
	for i, n := range c.nodes {
		out := n != nil
		for _, m := range members {
			out = out && m != i
		}
		if out {
			return i
		}
	}
	c.t.Fatal("every peer is one of them")
	return 0
}

func kindOf(err error) errs.Kind { return errs.KindOf(err) }
