package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/archive"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/extent"
	"github.com/atollnet/atoll/objects/plan"
	"github.com/atollnet/atoll/objects/transfer"
	"github.com/atollnet/atoll/objects/tree"
	"github.com/atollnet/atoll/objects/update"
)

// world is a network of holders and a ring in memory, with as many gateways as
// a test asks for. Everything but the network and the ring's agreement is real.
type world struct {
	t       *testing.T
	owner   wire.Key
	object  wire.ObjectID
	place   Place
	holders []*holder
	random  io.Reader

	listsDead bool // Candidates names dead peers too, as long as that is not known

	mu     sync.Mutex // one update at a time
	root   wire.NodeHash
	newest wire.Version
	now    time.Time
	hint   archive.Hint
	store  *kvtest.Memory // the ring's
	nodes  *memoryNodes   // the ring's
}

// newWorld returns a world of n peers, the first of which is the ring's and
// every writer's.
func newWorld(t *testing.T, n int) *world {
	seed := [32]byte{42}
	w := &world{
		t: t, owner: wire.NewKey([32]byte{1}), object: wire.ObjectID{7}, random: &lockedReader{r: rand.NewChaCha8(seed)},
		now: time.UnixMilli(1_700_000_000_000), store: kvtest.NewMemory(), nodes: newMemoryNodes(),
	}
	w.place = Place{Object: w.object, Node: wire.NodeID{1}, Key: envelope.NodeKey{2}, Root: true}
	for i := range n {
		w.holders = append(w.holders, newHolder(wire.NewKey([32]byte{100, byte(i)})))
	}
	var nodes []tree.Node
	w.root, nodes = update.Genesis(w.owner.Public(), update.DefaultPolicy(), wire.RingCertID{})
	w.keep(0, nodes)
	return w
}

func (w *world) keep(v wire.Version, nodes []tree.Node) {
	if err := w.nodes.Put(nodes); err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.Update(func(t kv.Writer) error { return archive.Note(t, w.object, v, nodes) }); err != nil {
		w.t.Fatal(err)
	}
}

// gateway returns a gateway on peer i. Only the first reads the ring's own
// nodes; the others have what they fetched.
func (w *world) gateway(i int) *Gateway {
	nodes := newMemoryNodes()
	if i == 0 {
		nodes = w.nodes
	}
	fetcher := transfer.NewFetcher(transfer.FetcherConfig{Network: w, Locate: w.locate})
	w.t.Cleanup(fetcher.Close)
	return New(Config{
		Self: w.holders[i].id, Author: w.owner, Ring: &memoryRing{w, i}, Peers: w, Network: w,
		Fetcher: fetcher, Nodes: nodes, Random: w.random, Now: w.clock, Linger: time.Second,
	})
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// lockedReader may be used from several goroutines, as crypto/rand.
type lockedReader struct {
	mu sync.Mutex
	r  io.Reader
}

func (l *lockedReader) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(p)
}

// locate names who holds shares of an extent, as provider records do.
func (w *world) locate(_ context.Context, id wire.ExtentID) (peers []wire.PeerID, err error) {
	for _, h := range w.holders {
		if indexes, _ := h.Indexes(id); len(indexes) > 0 && !h.isDead() {
			peers = append(peers, h.id)
		}
	}
	return peers, nil
}

// Candidates implements Peers.
func (w *world) Candidates() (all []plan.Candidate) {
	for _, h := range w.holders {
		if w.listsDead || !h.isDead() {
			all = append(all, plan.Candidate{Peer: h.id, Group: h.id.String(), FreeBytes: 1 << 40})
		}
	}
	return all
}

// Open implements transfer.Network.
func (w *world) Open(_ context.Context, peer wire.PeerID, protocol string) (transfer.Stream, error) {
	for _, h := range w.holders {
		if h.id == peer && !h.isDead() {
			return h.serve(protocol)
		}
	}
	return nil, errors.New("connection refused")
}

// memoryRing is the world's ring as the gateway on peer i reaches it.
type memoryRing struct {
	*world
	i int
}

func (r *memoryRing) Submit(ctx context.Context, object wire.ObjectID, signed []byte) (Ordered, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	u, err := update.Parse(signed)
	if err != nil {
		return Ordered{}, err
	}
	r.now = r.now.Add(time.Minute)
	env := update.Env{Object: object, Version: r.newest + 1, TimeUnixMilli: r.now.UnixMilli()}
	result, err := update.Apply(ctx, tree.Load(r.nodes, r.root), env, []*update.Signed{u})
	if err != nil {
		return Ordered{}, err
	}
	r.root, r.newest = result.Root, env.Version
	r.keep(env.Version, result.Nodes)
	return Ordered{Version: r.newest, Outcome: result.Outcomes[0]}, nil
}

func (r *memoryRing) Head(context.Context, wire.ObjectID) (Head, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := Head{Version: r.newest, Root: r.root, Time: r.now}
	if r.i != 0 {
		h.Hint = r.hint
	}
	return h, nil
}

// TreeNodes gives none: what is not in the own store is read from the archive.
func (r *memoryRing) TreeNodes(context.Context, wire.ObjectID, wire.NodeHash) ([]tree.Node, error) {
	return nil, errs.New("read tree", "", errs.NoQuorum, nil)
}

func (r *memoryRing) Archive(ctx context.Context, object wire.ObjectID) error {
	hint, err := archive.NewArchiver(r.store, r.nodes, r.gateway(0)).Archive(ctx, object)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hint = hint
	return err
}

// memoryNodes is a store of tree nodes.
type memoryNodes struct {
	mu    sync.Mutex
	nodes map[wire.NodeHash][]byte
}

func newMemoryNodes() *memoryNodes { return &memoryNodes{nodes: make(map[wire.NodeHash][]byte)} }

func (m *memoryNodes) Node(_ context.Context, h wire.NodeHash) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if b, found := m.nodes[h]; found {
		return b, nil
	}
	return nil, errors.New("not here")
}

func (m *memoryNodes) Put(nodes []tree.Node) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range nodes {
		m.nodes[n.Hash] = bytes.Clone(n.Bytes)
	}
	return nil
}

// holder is a peer that keeps shares in memory and answers with the real
// server.
type holder struct {
	id     wire.PeerID
	server *transfer.Server

	mu     sync.Mutex
	dead   bool
	open   []duplex
	before func(offset int) // called before a range of a share is given
	shares map[wire.ExtentID]map[int]transfer.Incoming
}

func newHolder(key wire.Key) *holder {
	h := &holder{id: wire.PeerID(key.Public()), shares: make(map[wire.ExtentID]map[int]transfer.Incoming)}
	h.server = transfer.NewServer(transfer.ServerConfig{Self: h.id, Key: key, Store: h})
	return h
}

// kill ends the peer and every connection to it.
func (h *holder) kill() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dead = true
	for _, c := range h.open {
		c.Close()
	}
}

// hold has the peer call a function before it gives a range of a share.
func (h *holder) hold(before func(offset int)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.before = before
}

func (h *holder) isDead() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.dead
}

func (h *holder) serve(protocol string) (transfer.Stream, error) {
	client, server, err := socketPair()
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	h.open = append(h.open, server)
	h.mu.Unlock()
	go func() {
		if protocol == transfer.ProtocolPut {
			h.server.ServePut(context.Background(), h.id, server)
		} else {
			h.server.ServeGet(context.Background(), h.id, server)
		}
	}()
	return client, nil
}

// duplex makes a socket a stream.
type duplex struct{ *net.UnixConn }

func (d duplex) Reset() error { return d.Close() }

func socketPair() (a, b duplex, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return a, b, err
	}
	for i, d := range []*duplex{&a, &b} {
		f := os.NewFile(uintptr(fds[i]), "pair")
		c, err := net.FileConn(f)
		f.Close()
		if err != nil {
			return a, b, err
		}
		d.UnixConn = c.(*net.UnixConn)
	}
	return a, b, nil
}

func (h *holder) Put(in transfer.Incoming) error {
	if wire.ShareHash(wire.Sum(in.Data)) != in.Manifest.Shares[in.Index] {
		return errors.New("not this share")
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	id := in.Manifest.ID()
	if h.shares[id] == nil {
		h.shares[id] = make(map[int]transfer.Incoming)
	}
	in.Data = bytes.Clone(in.Data)
	h.shares[id][in.Index] = in
	return nil
}

func (h *holder) Slice(w io.Writer, id wire.ExtentID, index, offset, length int) error {
	h.mu.Lock()
	in, found := h.shares[id][index]
	before := h.before
	h.mu.Unlock()
	if !found {
		return errors.New("not here")
	}
	if before != nil {
		before(offset)
	}
	outboard, _ := extent.Outboard(in.Data)
	return extent.WriteSlice(w, in.Data, outboard, offset, length)
}

func (h *holder) Manifest(id wire.ExtentID) (*extent.Manifest, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, in := range h.shares[id] {
		return in.Manifest, nil
	}
	return nil, errors.New("not here")
}

func (h *holder) Indexes(id wire.ExtentID) (all []int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range wire.SharesMax {
		if _, found := h.shares[id][i]; found {
			all = append(all, i)
		}
	}
	return all, nil
}

func (h *holder) FreeBytes() uint64 { return 1 << 40 }

func (h *holder) Denies(wire.ObjectID, wire.ExtentID) bool { return false }

// holds checks that a directory has exactly these files.
func (w *world) holds(g *Gateway, dir string, content map[string][]byte) {
	w.t.Helper()
	s, root, err := g.snapshotOf(w.t.Context(), w.place)
	if err != nil {
		w.t.Fatal(err)
	}
	top, err := s.Lookup(w.t.Context(), root, dir)
	if err != nil {
		w.t.Fatal(err)
	}
	files := 0
	err = s.ReadTree(w.t.Context(), top, nil, func(e *Entry, r io.Reader) error {
		if e.IsDir() {
			return nil
		}
		files++
		got, err := io.ReadAll(r)
		if want := content[e.Path[len(top.Path)+1:]]; err == nil && !bytes.Equal(got, want) {
			err = fmt.Errorf("%s: %d bytes, want %d", e.Path, len(got), len(want))
		}
		return err
	})
	if err != nil || files != len(content) {
		w.t.Errorf("%d files, want %d; %v", files, len(content), err)
	}
}
