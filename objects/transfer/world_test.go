package transfer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

var errNotHeld = errs.New("", "", errs.NotFound, nil)

// memory is a Holder in memory.
type memory struct {
	mu       sync.Mutex
	free     uint64
	shares   map[wire.ExtentID]map[int][]byte
	manifest map[wire.ExtentID]*extent.Manifest
	puts     []Incoming
	putErr   error
	denies   func(wire.ObjectID, wire.ExtentID) bool // nil: nothing
}

func newMemory() *memory {
	return &memory{free: math.MaxUint64, shares: make(map[wire.ExtentID]map[int][]byte), manifest: make(map[wire.ExtentID]*extent.Manifest)}
}

func (h *memory) Put(in Incoming) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.putErr != nil {
		return h.putErr
	}
	if wire.ShareHash(wire.Sum(in.Data)) != in.Manifest.Shares[in.Index] {
		return errs.New("", "", errs.Refused, errors.New("another hash"))
	}
	id := in.Manifest.ID()
	h.manifest[id] = in.Manifest
	if h.shares[id] == nil {
		h.shares[id] = make(map[int][]byte)
	}
	h.shares[id][in.Index] = bytes.Clone(in.Data)
	in.Data = nil
	h.puts = append(h.puts, in)
	return nil
}

func (h *memory) Slice(w io.Writer, id wire.ExtentID, index, offset, length int) error {
	h.mu.Lock()
	share, ok := h.shares[id][index]
	h.mu.Unlock()
	if !ok {
		return errNotHeld
	}
	outboard, _ := extent.Outboard(share)
	return extent.WriteSlice(w, share, outboard, offset, length)
}

func (h *memory) Manifest(id wire.ExtentID) (*extent.Manifest, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if m := h.manifest[id]; m != nil {
		return m, nil
	}
	return nil, errNotHeld
}

func (h *memory) Indexes(id wire.ExtentID) (held []int, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range h.shares[id] {
		held = append(held, i)
	}
	slices.Sort(held)
	return held, nil
}

func (h *memory) Denies(object wire.ObjectID, id wire.ExtentID) bool {
	return h.denies != nil && h.denies(object, id)
}

func (h *memory) FreeBytes() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.free
}

// has reports whether the holder has a share.
func (h *memory) has(id wire.ExtentID, share int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.shares[id][share] != nil
}

// node is a peer of a world. Its behaviour is an honest server's, unless one
// of the functions says otherwise.
type node struct {
	key    wire.Key
	peer   wire.PeerID
	store  *memory
	server *Server

	// open, if set, decides on a stream to the node before it is opened.
	open func(ctx context.Context, protocol string) error
	// wrap, if set, stands between the honest server and the stream.
	wrap func(protocol string, s Stream) Stream
	// serve, if set, takes the server's place.
	serve func(ctx context.Context, protocol string, s Stream)

	mu     sync.Mutex
	opened map[string]int // streams so far, by protocol
}

// world is a network of nodes in memory, seen by one of them.
type world struct {
	ctx     context.Context
	cancel  context.CancelFunc
	author  wire.Key
	self    wire.PeerID
	nodes   []*node
	by      map[wire.PeerID]*node
	running sync.WaitGroup
}

func newWorld(t testing.TB, nodes int) *world {
	w := &world{author: wire.NewKey([32]byte{0xaa}), by: make(map[wire.PeerID]*node)}
	w.self = wire.PeerID(wire.NewKey([32]byte{0xbb}).Public())
	w.ctx, w.cancel = context.WithCancel(t.Context())
	for i := range nodes {
		n := &node{key: wire.NewKey([32]byte{1, byte(i), byte(i >> 8)}), store: newMemory(), opened: make(map[string]int)}
		n.peer = wire.PeerID(n.key.Public())
		n.server = NewServer(ServerConfig{Self: n.peer, Key: n.key, Store: n.store})
		w.nodes = append(w.nodes, n)
		w.by[n.peer] = n
	}
	t.Cleanup(w.end)
	return w
}

// end stops all servers and waits for them.
func (w *world) end() {
	w.cancel()
	w.running.Wait()
}

func (w *world) Open(ctx context.Context, peer wire.PeerID, protocol string) (Stream, error) {
	n := w.by[peer]
	if n == nil {
		return nil, errors.New("no such peer")
	}
	n.mu.Lock()
	n.opened[protocol]++
	n.mu.Unlock()
	if n.open != nil {
		if err := n.open(ctx, protocol); err != nil {
			return nil, err
		}
	}
	near, far := newPipe()
	var s Stream = far
	if n.wrap != nil {
		s = n.wrap(protocol, far)
	}
	w.running.Go(func() {
		defer far.Close()
		switch {
		case n.serve != nil:
			n.serve(w.ctx, protocol, s)
		case protocol == ProtocolPut:
			n.server.ServePut(w.ctx, w.self, s)
		case protocol == ProtocolKeep:
			n.server.ServeKeep(w.ctx, w.self, s)
		case protocol == ProtocolNotice:
			n.server.ServeNotice(w.ctx, w.self, s)
		case protocol == ProtocolRelease:
			n.server.ServeRelease(w.ctx, w.self, s)
		case protocol == ProtocolDelete:
			n.server.ServeDelete(w.ctx, w.self, s)
		default:
			n.server.ServeGet(w.ctx, w.self, s)
		}
	})
	return near, nil
}

// opens returns how many streams of a protocol were opened to a node.
func (n *node) opens(protocol string) int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.opened[protocol]
}

// holders names n peers in turn.
func (w *world) holders(n int) []wire.PeerID {
	var peers []wire.PeerID
	for i := range n {
		peers = append(peers, w.nodes[i%len(w.nodes)].peer)
	}
	return peers
}

// spares names the nodes from the given one on, each once.
func (w *world) spares(from int) func() (wire.PeerID, bool) {
	return func() (wire.PeerID, bool) {
		if from >= len(w.nodes) {
			return wire.PeerID{}, false
		}
		from++
		return w.nodes[from-1].peer, true
	}
}

// upload is the configuration that most tests begin with.
func (w *world) upload(k, n int) UploadConfig {
	return UploadConfig{
		Object: wire.ObjectID{7}, Author: w.author, K: k, N: n, Holders: w.holders(n),
		LeaseSeconds: 30 * 24 * 3600, Enough: k + (n-k)*2/3,
	}
}

// blocks returns blocks of random bytes, the same for the same seed.
func blocks(seed uint64, sizes ...int) [][]byte {
	source := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	out := make([][]byte, len(sizes))
	for i, n := range sizes {
		out[i] = make([]byte, n)
		source.Read(out[i])
	}
	return out
}

// put uploads blocks as one extent.
func (w *world) put(c UploadConfig, blocks [][]byte) (Stored, error) {
	u, err := NewUpload(w.ctx, w, c)
	if err != nil {
		return Stored{}, err
	}
	defer u.Abort()
	for _, b := range blocks {
		if _, err := u.Add(b); err != nil {
			return Stored{}, err
		}
	}
	return u.Close(w.ctx)
}

// mustPut is put for tests that need all n shares stored.
func (w *world) mustPut(t *testing.T, c UploadConfig, blocks [][]byte) Stored {
	t.Helper()
	stored, err := w.put(c, blocks)
	if err != nil {
		t.Fatal(err)
	}
	if len(stored.Missing) > 0 {
		t.Fatalf("shares %v are missing", stored.Missing)
	}
	return stored
}

// source tells where an extent was stored.
func (s Stored) source() Source {
	out := Source{Extent: s.Manifest.ID()}
	for _, r := range s.Receipts {
		out.Holders = append(out.Holders, Holding{r.Holder, int(r.Share)})
	}
	return out
}

// fetcher returns a Fetcher that ends with the test.
func (w *world) fetcher(t *testing.T, c FetcherConfig) *Fetcher {
	c.Network = w
	f := NewFetcher(c)
	t.Cleanup(f.Close)
	return f
}

// read reads stripes and compares them with the blocks.
func read(t *testing.T, f *Fetcher, s Source, from int, want [][]byte) error {
	t.Helper()
	next := from
	err := f.Read(t.Context(), s, from, from+len(want), func(stripe int, sealed []byte) error {
		if stripe != next {
			t.Errorf("stripe %d came when %d was due", stripe, next)
		}
		if !bytes.Equal(sealed, want[stripe-from]) {
			t.Errorf("stripe %d differs", stripe)
		}
		next++
		return nil
	})
	if err == nil && next != from+len(want) {
		t.Errorf("%d stripes came, want %d", next-from, len(want))
	}
	return err
}

// check reports what a put stored wrongly.
func (w *world) check(t *testing.T, stored Stored) {
	t.Helper()
	id := stored.Manifest.ID()
	for _, r := range stored.Receipts {
		if err := r.Verify(); err != nil {
			t.Error(err)
		}
		if r.Extent != id || !w.by[r.Holder].store.has(id, int(r.Share)) {
			t.Errorf("%v signed for share %d and does not have it", r.Holder, r.Share)
		}
	}
}

// everybody locates every node, whatever is looked for.
func (w *world) everybody(context.Context, wire.ExtentID) ([]wire.PeerID, error) {
	return w.holders(len(w.nodes)), nil
}
