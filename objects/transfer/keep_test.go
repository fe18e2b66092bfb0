package transfer

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// keepers is a Keeping that knows one custodian.
type keepers struct {
	custodian wire.PublicKey
	store     *memory
	renewed   []uint64
}

func (k *keepers) Renew(_ wire.ObjectID, _ wire.PublicKey, id wire.ExtentID, index int, leaseSeconds uint64) error {
	if !k.store.has(id, index) {
		return errNotHeld
	}
	k.renewed = append(k.renewed, leaseSeconds)
	return nil
}

func (k *keepers) Custodian(_ wire.ObjectID, key wire.PublicKey, proof []byte) error {
	if key != k.custodian || string(proof) != "proof" {
		return errors.New("no member of the ring")
	}
	return nil
}

// custodied returns a world whose nodes obey a custodian, and an extent of
// which nothing is stored yet.
func custodied(t *testing.T, nodes int) (*world, Custodian, *extent.Manifest, [][]byte) {
	w := newWorld(t, nodes)
	key := wire.NewKey([32]byte{0xcc})
	for _, n := range w.nodes {
		n.server.Keeping = &keepers{custodian: key.Public(), store: n.store}
	}
	builder, err := extent.NewBuilder(2, 4)
	if err != nil {
		t.Fatal(err)
	}
	all := make([][]byte, 4)
	for _, b := range blocks(5, 90_000, 123_456) {
		_, fragments, err := builder.Add(b)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range fragments {
			all[i] = append(all[i], f...)
		}
	}
	return w, Custodian{Network: w, Key: key}, builder.Manifest(), all
}

func TestCustodianBringsAndRenews(t *testing.T) {
	w, c, m, shares := custodied(t, 1)
	n, object := w.nodes[0], wire.ObjectID{7}
	_, err := c.Renew(t.Context(), object, n.peer, m, 2, 5000, []byte("proof"))
	if refusedAs(err) != RefusedNotFound {
		t.Fatalf("renewed a share that is not there: %v", err)
	}
	for _, want := range []string{"brought", "there already"} {
		r, err := c.Bring(t.Context(), object, n.peer, m, 2, shares[2], 5000, []byte("proof"))
		if err != nil || r.Share != 2 || r.LeaseSeconds != 5000 || r.Author != c.Key.Public() || r.Object != object {
			t.Fatalf("%s: %+v, %v", want, r.Receipt, err)
		}
	}
	if len(n.store.puts) != 1 || !bytes.Equal(n.store.shares[m.ID()][2], shares[2]) {
		t.Errorf("stored %d times", len(n.store.puts))
	}
	if _, err := c.Renew(t.Context(), object, n.peer, m, 2, 1<<40, []byte("proof")); err != nil {
		t.Fatal(err)
	}
	if got := n.server.Keeping.(*keepers).renewed; len(got) != 2 || got[1] != LeaseSecondsMax {
		t.Errorf("leases of %v s were granted, the last is to be cut to %d", got, uint64(LeaseSecondsMax))
	}
}

func TestHolderObeysNobodyElse(t *testing.T) {
	w, c, m, shares := custodied(t, 2)
	n, object := w.nodes[0], wire.ObjectID{7}
	stranger := Custodian{Network: w, Key: w.author}
	order := func(change func(*keepOpen)) *keepOpen {
		open := c.order(object, n.peer, m, 1, 5000, []byte("proof"), true)
		change(open)
		return open
	}
	sign := func(open *keepOpen) { open.Signature = c.Key.Sign(TagKeep, wire.Marshal(open.Order)) }
	for name, x := range map[string]struct {
		open *keepOpen
		want RefusalKind
	}{
		"a stranger":                    {stranger.order(object, n.peer, m, 1, 5000, []byte("proof"), true), RefusedNotAllowed},
		"no proof":                      {order(func(o *keepOpen) { o.Proof = nil }), RefusedNotAllowed},
		"another holder's order":        {order(func(o *keepOpen) { o.Order.Holder = w.nodes[1].peer; sign(o) }), RefusedNotAllowed},
		"a share changed afterwards":    {order(func(o *keepOpen) { o.Order.Share = 3 }), RefusedNotAllowed},
		"an object changed afterwards":  {order(func(o *keepOpen) { o.Order.Object[0]++ }), RefusedNotAllowed},
		"another manifest":              {order(func(o *keepOpen) { o.Manifest = append(o.Manifest, 0) }), RefusedMalformed},
		"a share that there is not":     {order(func(o *keepOpen) { o.Order.Share = 4; sign(o) }), RefusedMalformed},
		"a lease of no time":            {order(func(o *keepOpen) { o.Order.LeaseSeconds = 0; sign(o) }), RefusedMalformed},
		"a manifest of bytes":           {order(func(o *keepOpen) { o.Manifest = []byte("?"); o.Order.Extent = extent.IDOf(o.Manifest); sign(o) }), RefusedMalformed},
		"a signature of the wrong kind": {order(func(o *keepOpen) { o.Signature = c.Key.Sign(TagPut, wire.Marshal(o.Order)) }), RefusedNotAllowed},
	} {
		s, err := w.Open(t.Context(), n.peer, ProtocolKeep)
		if err != nil {
			t.Fatal(err)
		}
		frame.WriteMessage(s, x.open)
		var reply keepReply
		if err := receive(s, &reply, putReplyBytesMax); err != nil || reply.Refusal == nil || reply.Refusal.Kind != x.want {
			t.Errorf("%s: %+v, %v; want a refusal of kind %v", name, reply, err, x.want)
		}
		s.Reset()
	}
	if _, err := c.Bring(t.Context(), object, n.peer, m, 1, shares[2], 5000, []byte("proof")); refusedAs(err) != RefusedMalformed {
		t.Errorf("another share's bytes: %v", err)
	}
	n.server.Keeping = nil
	if _, err := c.Bring(t.Context(), object, n.peer, m, 1, shares[1], 5000, []byte("proof")); refusedAs(err) != RefusedNotAllowed {
		t.Errorf("a peer that obeys nobody: %v", err)
	}
	if len(n.store.puts) != 0 {
		t.Errorf("%d shares were stored", len(n.store.puts))
	}
}

func TestOrdersAreLimitedLikePuts(t *testing.T) {
	for _, c := range []struct {
		name  string
		limit func(*node)
		brief bool // the order brings no share
		want  RefusalKind
	}{
		{"a share above the bytes in flight", func(n *node) { n.server.putBytes = newGate(100, 100) }, false, RefusedBusy},
		{"an order above the streams at once", func(n *node) { n.server.putStreams = newGate(0, 0) }, true, RefusedBusy},
		{"a full holder", func(n *node) { n.store.free = 10 }, false, RefusedFull},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, custodian, m, shares := custodied(t, 1)
				n := w.nodes[0]
				c.limit(n)
				var err error
				if c.brief {
					_, err = custodian.Renew(t.Context(), wire.ObjectID{7}, n.peer, m, 1, 5000, []byte("proof"))
				} else {
					_, err = custodian.Bring(t.Context(), wire.ObjectID{7}, n.peer, m, 1, shares[1], 5000, []byte("proof"))
				}
				if refusedAs(err) != c.want {
					t.Error(err)
				}
				synctest.Wait() // for the holder, who cleans up after he answered
				if n.server.putStreams.all != 0 || n.server.putBytes.all != 0 {
					t.Errorf("%d streams and %d bytes are still counted", n.server.putStreams.all, n.server.putBytes.all)
				}
			})
		})
	}
}

// store puts shares of an extent on nodes, one each.
func (w *world) store(m *extent.Manifest, shares [][]byte) (s Source) {
	s.Extent = m.ID()
	for i, share := range shares {
		n := w.nodes[i%len(w.nodes)]
		n.store.Put(Incoming{Manifest: m, Index: i, Data: share})
		s.Holders = append(s.Holders, Holding{n.peer, i})
	}
	return s
}

func TestRebuild(t *testing.T) {
	w, _, m, shares := custodied(t, 4)
	source := w.store(m, shares)
	f := NewFetcher(FetcherConfig{Network: w})
	defer f.Close()
	for _, left := range [][]int{{0, 1}, {2, 3}, {1, 2}} {
		s := Source{Extent: source.Extent}
		for _, i := range left {
			s.Holders = append(s.Holders, source.Holders[i])
		}
		got, err := f.Rebuild(t.Context(), s, []int{0, 1, 2, 3})
		if err != nil {
			t.Fatal(err)
		}
		for i := range shares {
			if !bytes.Equal(got[i], shares[i]) {
				t.Errorf("from %v: share %d differs", left, i)
			}
		}
	}
	if _, err := f.Rebuild(t.Context(), source, []int{4}); !errors.Is(err, ErrInput) {
		t.Errorf("share 4 of 4: %v", err)
	}
	share, err := f.Share(t.Context(), m, source.Holders[3])
	if err != nil || !bytes.Equal(share, shares[3]) {
		t.Errorf("one share from its holder: %v", err)
	}
}

// A writer who encodes badly is found out by whoever repairs: the blocks are
// right, and a parity share is not what they encode to.
func TestRebuildFindsWhoEncodedBadly(t *testing.T) {
	w, _, m, shares := custodied(t, 4)
	bad := *m
	bad.Shares = append([]wire.ShareHash(nil), m.Shares...)
	shares[3] = bytes.Clone(shares[3])
	shares[3][7] ^= 1
	bad.Shares[3] = wire.ShareHash(wire.Sum(shares[3]))
	source := w.store(&bad, shares)
	f := NewFetcher(FetcherConfig{Network: w})
	defer f.Close()
	source.Holders = source.Holders[:3]
	if _, err := f.Rebuild(t.Context(), source, []int{3}); !errors.Is(err, ErrCoding) {
		t.Errorf("%v", err)
	}
}

func TestAudit(t *testing.T) {
	w, _, m, shares := custodied(t, 4)
	source := w.store(m, shares)
	f := NewFetcher(FetcherConfig{Network: w})
	defer f.Close()
	for i := range 50 {
		if err := f.Audit(t.Context(), m, source.Holders[i%4], 16<<10, [32]byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if n := w.nodes[0].opens(ProtocolGet); n != 1 {
		t.Errorf("%d streams for 13 audits of one holder", n)
	}
	// It keeps the hashes, and other bytes.
	old := bytes.Clone(shares[1])
	for i := range old {
		old[i]++
	}
	w.nodes[1].store.shares[m.ID()][1] = old
	if err := f.Audit(t.Context(), m, source.Holders[1], 16<<10, [32]byte{1}); !errors.Is(err, ErrLied) {
		t.Errorf("old data: %v", err)
	}
	delete(w.nodes[2].store.shares[m.ID()], 2)
	if err := f.Audit(t.Context(), m, source.Holders[2], 16<<10, [32]byte{1}); refusedAs(err) != RefusedNotFound {
		t.Errorf("no data: %v", err)
	}
	if err := f.Audit(context.Background(), m, Holding{source.Holders[0].Peer, 9}, 16<<10, [32]byte{1}); !errors.Is(err, ErrInput) {
		t.Errorf("share 9 of 4: %v", err)
	}
}

func FuzzKeepOpen(f *testing.F) {
	f.Add(wire.Marshal(&keepOpen{Order: Order{LeaseSeconds: 1}, Brings: true, Proof: []byte("p"), Manifest: []byte("m")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m keepOpen
		if parse(b, &m, keepOpenBytesMax) == nil && !bytes.Equal(wire.Marshal(&m), b) {
			t.Errorf("%x encodes to %x", b, wire.Marshal(&m))
		}
	})
}

func FuzzKeepReply(f *testing.F) {
	f.Add(wire.Marshal(&keepReply{}))
	f.Add(wire.Marshal(&keepReply{Refusal: refuse(RefusedBusy, "later")}))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m keepReply
		if parse(b, &m, putReplyBytesMax) == nil && !bytes.Equal(wire.Marshal(&m), b) {
			t.Errorf("%x encodes to %x", b, wire.Marshal(&m))
		}
	})
}
