package update

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
	"github.com/atollnet/atoll/objects/tree"
)

var ctx = context.Background()

// nodes is a tree.Source in memory.
type nodes map[wire.NodeHash][]byte

func (n nodes) Node(_ context.Context, h wire.NodeHash) ([]byte, error) {
	b, ok := n[h]
	if !ok {
		return nil, fmt.Errorf("no node %v", h)
	}
	return b, nil
}

func (n nodes) add(list []tree.Node) {
	for _, node := range list {
		n[node.Hash] = node.Bytes
	}
}

// world is an object and those who write to it.
type world struct {
	t       testing.TB
	nodes   nodes
	state   *tree.Map
	version wire.Version
	object  wire.ObjectID
	owner   wire.Key
	seq     wire.Seq
}

func keyOf(n byte) wire.Key { return wire.NewKey([32]byte{n}) }

func newWorld(t testing.TB) *world {
	w := &world{t: t, nodes: nodes{}, object: wire.ObjectID{1}, owner: keyOf(1)}
	root, list := Genesis(w.owner.Public(), DefaultPolicy(), wire.RingCertID{2})
	w.nodes.add(list)
	w.state = tree.Load(w.nodes, root)
	return w
}

// update returns an update of the owner with a fresh sequence number.
func (w *world) update(clauses ...Clause) Update {
	w.seq++
	return Update{Object: w.object, Session: wire.SessionID{1}, Seq: w.seq, Until: w.version + SessionVersions, Clauses: clauses}
}

// commit applies updates as one version. All of them pass through their
// encoding, except nil ones.
func (w *world) commit(updates ...*Signed) []Outcome {
	w.t.Helper()
	parsed := make([]*Signed, len(updates))
	for i, u := range updates {
		if u != nil {
			parsed[i], _ = Parse(u.Encode())
		}
	}
	w.version++
	env := Env{Object: w.object, Version: w.version, TimeUnixMilli: int64(w.version) * 1000}
	r, err := Apply(ctx, w.state, env, parsed)
	if err != nil {
		w.t.Fatal(err)
	}
	w.nodes.add(r.Nodes)
	w.state = tree.Load(w.nodes, r.Root)
	return r.Outcomes
}

// try commits one clause of the owner's and returns what became of it.
func (w *world) try(c Clause, extents ...NewExtent) Outcome {
	w.t.Helper()
	u := w.update(c)
	u.Extents = extents
	return w.commit(Sign(w.owner, u))[0]
}

// must commits actions of the owner's that have to succeed.
func (w *world) must(actions ...Action) {
	w.t.Helper()
	if o := w.try(Clause{Actions: actions}); o.Status != Applied {
		w.t.Fatalf("%+v: %v", o, o.Reason)
	}
}

// file reads the facts of a file.
func (w *world) file(id wire.NodeID) (FileInfo, bool) {
	w.t.Helper()
	f, found, err := get(ctx, w.state, FileKey(id), ParseFileInfo)
	if err != nil {
		w.t.Fatal(err)
	}
	return f, found
}

// blocks reads the blocks of a file as offset, length and first sealed byte.
func (w *world) blocks(id wire.NodeID) string {
	w.t.Helper()
	out := ""
	lo, hi := BlockRange(id)
	for e, err := range w.state.Scan(ctx, lo, hi) {
		if err != nil {
			w.t.Fatal(err)
		}
		_, offset, err := ParseBlockKey(e.Key)
		if err != nil {
			w.t.Fatal(err)
		}
		ref, err := ParseBlockRef(e.Value)
		if err != nil {
			w.t.Fatal(err)
		}
		out += fmt.Sprintf("%d+%d%c ", offset, ref.Length, ref.Sealed[0])
	}
	return out
}

// extent reads what the state knows of an extent.
func (w *world) extent(id wire.ExtentID) (Extent, bool) {
	w.t.Helper()
	x, found, err := ReadExtent(ctx, w.state, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return x, found
}

var (
	root  = wire.NodeID{0xd1}
	fileA = wire.NodeID{0xf1}
	fileB = wire.NodeID{0xf2}
)

// name is the key of an entry of the root directory.
func name(s string) []byte { return DirEntryKey(root, []byte(s)) }

// entry is the value of an entry for a file.
func entry(child wire.NodeID) []byte {
	return DirEntry{Kind: KindFile, Child: child, SealedKey: []byte("key"), SealedAttr: []byte("attr")}.Encode()
}

// inline is a block of so many bytes, marked by a letter.
func inline(mark byte, length uint32) BlockRef { return BlockRef{Length: length, Sealed: []byte{mark}} }

// stored is an extent on holders.
type stored struct {
	id       wire.ExtentID
	manifest *extent.Manifest
	receipts []extent.CompactReceipt
}

// store codes stripes of 100 bytes of plaintext each and lets holders sign for
// every share: holder i mod holders has share i.
func (w *world) store(k, n, stripes, holders int, fill byte) stored {
	w.t.Helper()
	b, err := extent.NewBuilder(k, n)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := range stripes {
		block := make([]byte, 100+wire.SealOverhead)
		block[0], block[1] = fill, byte(i)
		if _, _, err := b.Add(block); err != nil {
			w.t.Fatal(err)
		}
	}
	s := stored{manifest: b.Manifest()}
	s.id = s.manifest.ID()
	for i := range n {
		holder := keyOf(byte(100 + i%holders))
		compact := extent.CompactReceipt{Share: uint8(i), Holder: wire.PeerID(holder.Public()), LeaseSeconds: 3600}
		r := compact.Expand(w.object, w.owner.Public(), s.manifest).Receipt
		s.receipts = append(s.receipts, extent.SignReceipt(holder, r).Compact())
	}
	return s
}

// brought is the extent with its first receipts, as an update brings it.
func (s stored) brought(receipts int) NewExtent {
	return NewExtent{Manifest: s.manifest.Encode(), Receipts: slices.Clone(s.receipts[:receipts])}
}

// ref is a reference to a stripe.
func (s stored) ref(stripe uint32, mark byte) BlockRef {
	return BlockRef{Extent: s.id, Stripe: stripe, Length: 100, Sealed: []byte{mark}}
}
