package archive

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
	"github.com/atollnet/atoll/objects/transfer"
	"github.com/atollnet/atoll/objects/tree"
)

var object = wire.ObjectID{1}

// shelf keeps extents in memory, as their blocks; it is an Uploader and a
// Fetcher.
type shelf struct {
	extents map[wire.ExtentID][][]byte
	fail    error
	uploads int
	read    int // stripes
	bytes   int
	thin    map[wire.ExtentID]bool
}

func (s *shelf) Thin(from transfer.Source) bool { return s.thin[from.Extent] }

func (s *shelf) Upload(_ context.Context, _ wire.ObjectID, blocks [][]byte) (transfer.Source, error) {
	if s.fail != nil {
		return transfer.Source{}, s.fail
	}
	id := wire.ExtentID(wire.Derive("atoll/v1/test", bytes.Join(blocks, nil)))
	s.extents[id] = blocks
	s.uploads++
	for _, b := range blocks {
		s.bytes += len(b)
	}
	return transfer.Source{Extent: id, Holders: []transfer.Holding{{Peer: wire.PeerID{9}, Share: 3}}}, nil
}

func (s *shelf) Manifest(_ context.Context, from transfer.Source) (*extent.Manifest, error) {
	blocks, found := s.extents[from.Extent]
	if !found {
		return nil, errors.New("no such extent")
	}
	m := &extent.Manifest{}
	for _, b := range blocks {
		m.Stripes = append(m.Stripes, extent.Stripe{Length: uint32(len(b)), Hash: wire.BlockHash(wire.Sum(b))})
	}
	return m, nil
}

func (s *shelf) Read(_ context.Context, from transfer.Source, lo, hi int, yield func(int, []byte) error) error {
	for i := lo; i < hi; i++ {
		s.read++
		if err := yield(i, s.extents[from.Extent][i]); err != nil {
			return err
		}
	}
	return nil
}

// memory is a Nodes in memory.
type memory map[wire.NodeHash][]byte

func (m memory) Node(_ context.Context, h wire.NodeHash) ([]byte, error) {
	if b, found := m[h]; found {
		return b, nil
	}
	return nil, errors.New("not here")
}

func (m memory) Put(nodes []tree.Node) error {
	for _, n := range nodes {
		m[n.Hash] = bytes.Clone(n.Bytes)
	}
	return nil
}

// commit makes a version of new nodes of random content.
func commit(t *testing.T, store kv.Store, nodes memory, r *rand.Rand, v wire.Version, n int) {
	t.Helper()
	var added []tree.Node
	for range n {
		b := make([]byte, 4<<10+r.IntN(12<<10))
		rand.NewChaCha8([32]byte{byte(v), byte(n), byte(len(added)), byte(len(added) >> 8)}).Read(b)
		added = append(added, tree.NewNode(b))
	}
	nodes.Put(added)
	if err := store.Update(func(w kv.Writer) error { return Note(w, object, v, added) }); err != nil {
		t.Fatal(err)
	}
}

func TestEveryNodeIsFoundThroughTheHintAlone(t *testing.T) {
	store, nodes, shelf := kvtest.NewMemory(), memory{}, &shelf{extents: map[wire.ExtentID][][]byte{}}
	a := NewArchiver(store, nodes, shelf)
	r := rand.New(rand.NewPCG(1, 2))
	var hint Hint
	for v := range wire.Version(100) {
		commit(t, store, nodes, r, v, 1+r.IntN(8))
		if v%3 != 0 {
			continue // several versions are archived together
		}
		var err error
		if hint, err = a.Archive(t.Context(), object); err != nil {
			t.Fatal(err)
		}
		if hint.Version != v {
			t.Fatalf("hint of version %d after version %d", hint.Version, v)
		}
	}
	total := 0
	for _, b := range nodes {
		total += len(b)
	}
	if n := len(hint.Extents); n > 12 {
		t.Errorf("%d extents for %d bytes of nodes", n, total)
	}
	if shelf.bytes > 6*total {
		t.Errorf("%d bytes were written for %d bytes of nodes", shelf.bytes, total)
	}
	parsed, err := ParseHint(hint.Encode())
	if err != nil {
		t.Fatal(err)
	}
	reader := NewReader(wire.ObjectID{}, memory{}, nil, shelf, parsed)
	for h, want := range nodes {
		if got, err := reader.Node(t.Context(), h); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("node %v: %d bytes, %v", h, len(got), err)
		}
	}
	if _, err := reader.Node(t.Context(), wire.NodeHash{1}); errs.KindOf(err) != errs.TooFew {
		t.Errorf("a node that is nowhere: %v", err)
	}
}

func TestNothingIsForgottenBeforeItIsStored(t *testing.T) {
	for _, fault := range []kvtest.Fault{kvtest.NotDone, kvtest.Reported} {
		store, nodes, shelf := kvtest.NewMemory(), memory{}, &shelf{extents: map[wire.ExtentID][][]byte{}}
		r := rand.New(rand.NewPCG(3, 4))
		commit(t, store, nodes, r, 1, 5)
		if err := store.Sync(); err != nil {
			t.Fatal(err)
		}
		shelf.fail = errors.New("no holders")
		if _, err := NewArchiver(store, nodes, shelf).Archive(t.Context(), object); !errors.Is(err, shelf.fail) {
			t.Fatalf("without holders: %v", err)
		}
		shelf.fail = nil
		store.Inject(func(int) kvtest.Fault { return fault })
		if _, err := NewArchiver(store, nodes, shelf).Archive(t.Context(), object); err == nil {
			t.Fatal("a failed record was not reported")
		}
		store.Crash()
		a := NewArchiver(store, nodes, shelf)
		if pending, err := a.Pending(object); err != nil || !pending {
			t.Fatalf("after the crash: pending %v, %v", pending, err)
		}
		hint, err := a.Archive(t.Context(), object)
		if err != nil {
			t.Fatal(err)
		}
		reader := NewReader(wire.ObjectID{}, memory{}, nil, shelf, hint)
		for h := range nodes {
			if _, err := reader.Node(t.Context(), h); err != nil {
				t.Errorf("node %v: %v", h, err)
			}
		}
	}
}

func TestLyingArchivesAreRefused(t *testing.T) {
	node := tree.NewNode(bytes.Repeat([]byte{5}, 5000))
	good := lay([]tree.Node{node})[0]
	change := func(f func(x *index)) []byte {
		x := index{Format: good.index.Format, Nodes: append([]indexEntry(nil), good.index.Nodes...)}
		f(&x)
		return wire.Marshal(x)
	}
	for name, last := range map[string][]byte{
		"garbage":         []byte("garbage"),
		"other format":    change(func(x *index) { x.Format = 2 }),
		"beyond the pack": change(func(x *index) { x.Nodes[0].Offset = packBytesMax }),
		"wraps around":    change(func(x *index) { x.Nodes[0].Offset = 1<<32 - 1 }),
		"in the index":    change(func(x *index) { x.Nodes[0].Stripe = 1 }),
		"shifted":         change(func(x *index) { x.Nodes[0].Offset = 1 }),
		"too long":        change(func(x *index) { x.Nodes[0].Length++ }),
		"another node":    change(func(x *index) { x.Nodes[0].Hash[0] ^= 1 }),
		"twice":           change(func(x *index) { x.Nodes = append(x.Nodes, x.Nodes[0]) }),
		"behind a gap":    change(func(x *index) { x.Nodes = append(x.Nodes, indexEntry{Hash: x.Nodes[0].Hash, Offset: 9000, Length: 1}) }),
		"empty":           change(func(x *index) { x.Nodes = append(x.Nodes, indexEntry{Offset: 5000}) }),
	} {
		s := &shelf{extents: map[wire.ExtentID][][]byte{{1}: {good.packs[0], last}}}
		r := NewReader(wire.ObjectID{}, memory{}, nil, s, NewHint(1, []transfer.Source{{Extent: wire.ExtentID{1}}}))
		if b, err := r.Node(t.Context(), node.Hash); err == nil {
			t.Errorf("%s: %d bytes were taken", name, len(b))
		}
	}
}

func TestHintLimits(t *testing.T) {
	var many []transfer.Source
	for i := range HintExtentsMax + 1 {
		many = append(many, transfer.Source{Extent: wire.ExtentID{byte(i), byte(i >> 8)}})
	}
	if _, err := ParseHint(NewHint(1, many).Encode()); !errors.Is(err, ErrHint) {
		t.Errorf("%d extents: %v", len(many), err)
	}
	s := transfer.Source{}
	for i := range 300 {
		s.Holders = append(s.Holders, transfer.Holding{Peer: wire.PeerID{byte(i), byte(i >> 8), 1}, Share: i % 255})
	}
	h, err := ParseHint(NewHint(1, []transfer.Source{s}).Encode())
	if err != nil || len(h.Holders) != hintHoldersMax {
		t.Errorf("%d holders are named, error %v", len(h.Holders), err)
	}
	h.Extents[0].Shares[0] = 254
	h.Holders = h.Holders[:10]
	if _, err := ParseHint(h.Encode()); !errors.Is(err, ErrHint) {
		t.Errorf("a holder beyond the table: %v", err)
	}
}

func TestHintFitsItsRecordHoweverManyExtents(t *testing.T) {
	var many []transfer.Source
	for i := range HintExtentsMax {
		s := transfer.Source{Extent: wire.ExtentID{byte(i), byte(i >> 8)}}
		for share := range 64 {
			s.Holders = append(s.Holders, transfer.Holding{Peer: wire.PeerID{byte(i*7 + share), byte(i >> 6)}, Share: share})
		}
		many = append(many, s)
	}
	h, err := ParseHint(NewHint(1, many).Encode())
	if err != nil || len(h.Extents) != HintExtentsMax {
		t.Fatalf("%d extents, %v", len(h.Extents), err)
	}
	if n := len(h.Source(0).Holders); n != 64 {
		t.Errorf("%d holders of the newest extent", n)
	}
}

func TestReaderBoundsTheIndexesItKeeps(t *testing.T) {
	l := &layout{index: index{Format: indexFormat}}
	for i := range indexNodesMax {
		l.add(tree.Node{Hash: wire.NodeHash{1, byte(i), byte(i >> 8)}, Bytes: []byte{1}})
	}
	s := &shelf{extents: map[wire.ExtentID][][]byte{}}
	var sources []transfer.Source
	for i := range 2 {
		id := wire.ExtentID{byte(i), 1}
		s.extents[id] = l.stripes()
		sources = append(sources, transfer.Source{Extent: id})
	}
	r := NewReader(wire.ObjectID{}, memory{}, nil, s, NewHint(1, sources))
	r.entries = indexEntriesMax - indexNodesMax // room for one of them
	if _, err := r.Node(t.Context(), wire.NodeHash{9}); !errors.Is(err, ErrIndex) || r.entries != indexEntriesMax {
		t.Errorf("%d entries are kept, %v", r.entries, err)
	}
}

func TestWhatWasArchivedOnFewPeersIsArchivedAgainOnMore(t *testing.T) {
	store, nodes, shelf := kvtest.NewMemory(), memory{}, &shelf{extents: map[wire.ExtentID][][]byte{}, thin: map[wire.ExtentID]bool{}}
	a := NewArchiver(store, nodes, shelf)
	r := rand.New(rand.NewPCG(5, 6))
	commit(t, store, nodes, r, 1, 900) // more than one extent
	first, err := a.Archive(t.Context(), object)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range first.Extents {
		shelf.thin[x.ID] = true
	}
	uploads := shelf.uploads
	commit(t, store, nodes, r, 2, 1)
	hint, err := a.Archive(t.Context(), object)
	if err != nil || shelf.uploads-uploads != len(first.Extents)+1 || hint.Version != 2 {
		t.Fatalf("%d uploads for %d extents, version %d, %v", shelf.uploads-uploads, len(first.Extents), hint.Version, err)
	}
	reader := NewReader(wire.ObjectID{}, memory{}, nil, shelf, hint)
	for h := range nodes {
		if _, err := reader.Node(t.Context(), h); err != nil {
			t.Fatalf("node %v: %v", h, err)
		}
	}
	if again, err := a.Hint(object); err != nil || !bytes.Equal(again.Encode(), hint.Encode()) {
		t.Errorf("the hint that is kept differs: %v", err)
	}
}

func TestWaitingForATurnEndsWithItsContext(t *testing.T) {
	store, nodes, shelf := kvtest.NewMemory(), memory{}, &shelf{extents: map[wire.ExtentID][][]byte{}}
	a := NewArchiver(store, nodes, shelf)
	leave, err := a.enter(t.Context(), object)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Archive(ctx, object); !errors.Is(err, context.Canceled) {
		t.Errorf("while another has its turn: %v", err)
	}
	leave()
	if _, err := a.Archive(t.Context(), object); err != nil || len(a.busy) != 0 {
		t.Errorf("after it: %v, %d turns are remembered", err, len(a.busy))
	}
}

func FuzzHint(f *testing.F) {
	f.Add(NewHint(3, []transfer.Source{{Extent: wire.ExtentID{1}, Holders: []transfer.Holding{{Peer: wire.PeerID{2}, Share: 1}}}}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseHint(b)
		if err != nil {
			return
		}
		if !bytes.Equal(h.Encode(), b) {
			t.Fatalf("%x encodes to %x", b, h.Encode())
		}
		for i := range h.Extents {
			h.Source(i)
		}
	})
}

func FuzzIndex(f *testing.F) {
	f.Add(wire.Marshal(lay([]tree.Node{tree.NewNode([]byte("node"))})[0].index), []byte("node"))
	f.Fuzz(func(t *testing.T, b, pack []byte) {
		x, err := parseIndex(b, 2)
		if err != nil {
			return
		}
		if !bytes.Equal(wire.Marshal(x), b) {
			t.Fatalf("%x encodes to %x", b, wire.Marshal(x))
		}
		x.unpack(0, pack)
	})
}
