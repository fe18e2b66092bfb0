package update

import (
	"encoding/binary"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
	"github.com/atollnet/atoll/objects/tree"
)

// grown returns a world with 100,000 directory entries.
func grown(b *testing.B) *world {
	w := newWorld(b)
	w.commit()
	e := w.state.Edit(w.version)
	value := DirEntry{Kind: KindDir, SealedKey: make([]byte, 72), SealedAttr: make([]byte, 80)}.Encode()
	for i := range uint64(100_000) {
		h := wire.Sum(binary.BigEndian.AppendUint64(nil, i))
		if err := e.Set(DirEntryKey(wire.NodeID(h[:16]), h[:]), value); err != nil {
			b.Fatal(err)
		}
	}
	root, list, err := e.Commit(ctx)
	if err != nil {
		b.Fatal(err)
	}
	w.nodes.add(list)
	w.state = tree.Load(w.nodes, root)
	return w
}

// large returns an update that adds 12 extents and 384 blocks to a file.
func large(w *world) *Signed {
	var u Update
	var blocks []BlockRef
	for i := range 12 {
		m := &extent.Manifest{Format: extent.FormatCurrent, K: 16, N: 32, Shares: make([]wire.ShareHash, 32)}
		for s := range 32 {
			m.Stripes = append(m.Stripes, extent.Stripe{Length: 500_000 + wire.SealOverhead, Hash: wire.BlockHash{byte(i), byte(s)}})
			m.Shares[s] = wire.ShareHash{byte(i), byte(s), 1}
		}
		x := NewExtent{Manifest: m.Encode()}
		for s := range 32 {
			holder := keyOf(byte(100 + s))
			c := extent.CompactReceipt{Share: uint8(s), Holder: wire.PeerID(holder.Public()), LeaseSeconds: 2_592_000}
			x.Receipts = append(x.Receipts, extent.SignReceipt(holder, c.Expand(w.object, w.owner.Public(), m).Receipt).Compact())
			blocks = append(blocks, BlockRef{Extent: m.ID(), Stripe: uint32(s), Length: 500_000, Sealed: make([]byte, 104)})
		}
		u.Extents = append(u.Extents, x)
	}
	extents := u.Extents
	u = w.update(Clause{Actions: []Action{Append(fileA, blocks)}})
	u.Extents = extents
	return Sign(w.owner, u)
}

func BenchmarkApply(b *testing.B) {
	w := grown(b)
	u := large(w)
	if err := u.Verify(); err != nil {
		b.Fatal(err)
	}
	env := Env{Object: w.object, Version: w.version + 1}
	for b.Loop() {
		r, err := Apply(ctx, tree.Load(w.nodes, w.state.Root()), env, []*Signed{u})
		if err != nil || r.Outcomes[0].Status != Applied {
			b.Fatal(r.Outcomes, err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	encoded := large(newWorld(b)).Encode()
	b.ReportMetric(float64(len(encoded)), "bytes")
	for b.Loop() {
		if _, err := Parse(encoded); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	u := large(newWorld(b))
	for b.Loop() {
		if err := u.verify(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCrowd is what a member does for one of the updates of 64 authors, 256
// bytes each, who have all written for a while.
func BenchmarkCrowd(b *testing.B) {
	const authors = 64
	w := newWorld(b)
	keys := make([]wire.Key, authors)
	for i := range keys {
		keys[i] = keyOf(byte(100 + i))
		rights := Writer{Rights: RightWrite, By: w.owner.Public()}
		w.must(Set(WriterKey(keys[i].Public()), rights.Encode()))
	}
	seq := wire.Seq(0)
	round := func() (encoded [][]byte) {
		seq++
		for i, k := range keys {
			block := BlockRef{Length: 256, Sealed: make([]byte, 256)}
			encoded = append(encoded, Sign(k, Update{
				Object: w.object, Session: wire.SessionID{byte(i)}, Seq: seq, Until: w.version + SessionVersions,
				Clauses: []Clause{{Actions: []Action{Append(wire.NodeID{byte(i)}, []BlockRef{block})}}},
			}).Encode())
		}
		return encoded
	}
	for range SessionSeqs {
		var signed []*Signed
		for _, e := range round() {
			u, _ := Parse(e)
			u.verified = true
			signed = append(signed, u)
		}
		w.commit(signed...)
	}
	last := round()
	for b.Loop() {
		signed := make([]*Signed, authors)
		for i, e := range last {
			signed[i], _ = Parse(e)
		}
		VerifyAll(signed)
		r, err := Apply(ctx, tree.Load(w.nodes, w.state.Root()), Env{Object: w.object, Version: w.version + 1}, signed)
		if err != nil || r.Outcomes[0].Status != Applied {
			b.Fatal(r.Outcomes, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/authors, "µs/update")
}
