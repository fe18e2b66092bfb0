package replay

import (
	"context"
	"errors"
	"testing"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/tree"
	"github.com/atollnet/atoll/objects/update"
)

// lyingRing is a ring of one that certifies whatever the test says.
type lyingRing struct {
	t             *testing.T
	owner, member wire.Key
	genesis       bft.Genesis
	ring          bft.RingCert
	seq           uint64
}

type noSource struct{}

var errNoNode = errors.New("no such node")

func (noSource) Node(context.Context, wire.NodeHash) ([]byte, error) { return nil, errNoNode }

func newLyingRing(t *testing.T) *lyingRing {
	owner, peer, member := wire.NewKey([32]byte{1}), wire.NewKey([32]byte{2}), wire.NewKey([32]byte{3})
	body := bft.NewGenesisBody(owner.Public(), "home", [16]byte{}, update.DefaultPolicy().Encode(),
		[]bft.Member{{Peer: wire.PeerID(peer.Public()), Key: member.Public()}})
	g := bft.NewGenesis(owner, body, []wire.Signature{bft.Accept(peer, body.ObjectID())})
	return &lyingRing{t: t, owner: owner, member: member, genesis: g, ring: body.Ring()}
}

func (l *lyingRing) replay() *Replay {
	l.t.Helper()
	r, err := New(bft.NewHead(l.genesis, nil), noSource{})
	if err != nil {
		l.t.Fatal(err)
	}
	return r
}

// write returns an update of an author that lets another write.
func (l *lyingRing) write(author wire.Key, n byte) []byte {
	l.seq++
	w := update.Writer{Rights: update.RightWrite, By: l.owner.Public()}
	return update.Sign(author, update.Update{
		Object: l.ring.Object, Seq: wire.Seq(l.seq), Until: 100,
		Clauses: []update.Clause{{Actions: []update.Action{update.Set(update.WriterKey(wire.NewKey([32]byte{9, n}).Public()), w.Encode())}}},
	}).Encode()
}

// honest returns the next version of a replay, made from updates as it should be.
func (l *lyingRing) honest(r *Replay, updates ...[]byte) (bft.Decision, bft.Batch) {
	l.t.Helper()
	v, id := r.Version()
	d := bft.Decision{Object: l.ring.Object, Epoch: 1, Ring: l.ring.ID(), Version: v + 1, Previous: id, TimeUnixMilli: int64(v)}
	b := bft.Batch{Updates: updates}
	result, err := r.execute(l.t.Context(), l.ring, d, b)
	if err != nil {
		l.t.Fatal(err)
	}
	for _, o := range result.Outcomes {
		b.Outcomes = append(b.Outcomes, o.Encode())
	}
	d.State, d.Outcomes = result.Root, b.Digest()
	return d, b
}

func (l *lyingRing) certify(d bft.Decision) bft.Certificate {
	s := bft.SignVote(l.member, bft.Commit, bft.Ballot{Decision: d.ID()})
	return bft.Certificate{Format: 1, Kind: bft.Commit, Decision: d, Signers: 1, Signatures: []wire.Signature{s}}
}

func TestHonestHistory(t *testing.T) {
	l := newLyingRing(t)
	r := l.replay()
	stranger := wire.NewKey([32]byte{77})
	for i := range byte(20) {
		// What may not be written, or is no update at all, changes nothing, and is part of the history.
		d, b := l.honest(r, l.write(l.owner, i), l.write(stranger, i), []byte("no update"))
		if err := r.Next(t.Context(), l.certify(d), b); err != nil {
			t.Fatal(err)
		}
	}
	if v, _ := r.Version(); v != 20 || r.Updates() != 60 {
		t.Errorf("version %d with %d updates", v, r.Updates())
	}
}

// All of the ring lie together; the signatures of the authors find them out.
func TestWhatNobodySignedIsFound(t *testing.T) {
	for name, lie := range map[string]func(l *lyingRing, r *Replay) (bft.Certificate, bft.Batch){
		"another state": func(l *lyingRing, r *Replay) (bft.Certificate, bft.Batch) {
			d, b := l.honest(r, l.write(l.owner, 1))
			d.State[0]++
			return l.certify(d), b
		},
		"an outcome that did not come": func(l *lyingRing, r *Replay) (bft.Certificate, bft.Batch) {
			d, b := l.honest(r, l.write(l.owner, 1))
			_, other := l.honest(r, l.write(wire.NewKey([32]byte{77}), 1))
			b.Outcomes = other.Outcomes
			d.Outcomes = b.Digest()
			return l.certify(d), b
		},
		"an update that is not shown": func(l *lyingRing, r *Replay) (bft.Certificate, bft.Batch) {
			d, b := l.honest(r, l.write(l.owner, 1), l.write(l.owner, 2))
			b.Updates, b.Outcomes = b.Updates[:1], b.Outcomes[:1]
			return l.certify(d), b
		},
		"an update left out, its effect kept": func(l *lyingRing, r *Replay) (bft.Certificate, bft.Batch) {
			d, b := l.honest(r, l.write(l.owner, 1), l.write(l.owner, 2))
			b.Updates, b.Outcomes = b.Updates[:1], b.Outcomes[:1]
			d.Outcomes = b.Digest()
			return l.certify(d), b
		},
		"another order": func(l *lyingRing, r *Replay) (bft.Certificate, bft.Batch) {
			one, two := l.write(l.owner, 1), l.write(l.owner, 1)
			d, b := l.honest(r, one, two)
			b.Updates = [][]byte{two, one}
			return l.certify(d), b
		},
		"a change signed by nobody": func(l *lyingRing, r *Replay) (bft.Certificate, bft.Batch) {
			good := l.write(l.owner, 1)
			d, b := l.honest(r, good)
			b.Updates[0] = append([]byte(nil), good...)
			b.Updates[0][len(good)-1]++
			d.Outcomes = b.Digest()
			return l.certify(d), b
		},
		"a ring that nobody asked for": func(l *lyingRing, r *Replay) (bft.Certificate, bft.Batch) {
			d, b := l.honest(r, l.write(l.owner, 1))
			d.NextRing = wire.RingCertID{1}
			return l.certify(d), b
		},
		"a version left out": func(l *lyingRing, r *Replay) (bft.Certificate, bft.Batch) {
			d, b := l.honest(r, l.write(l.owner, 1))
			d.Version++
			return l.certify(d), b
		},
		"another past": func(l *lyingRing, r *Replay) (bft.Certificate, bft.Batch) {
			d, b := l.honest(r, l.write(l.owner, 1))
			d.Previous[0]++
			return l.certify(d), b
		},
		"no certificate": func(l *lyingRing, r *Replay) (bft.Certificate, bft.Batch) {
			d, b := l.honest(r, l.write(l.owner, 1))
			c := l.certify(d)
			c.Signatures[0][0]++
			return c, b
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLyingRing(t)
			r := l.replay()
			d, b := l.honest(r, l.write(l.owner, 0))
			if err := r.Next(t.Context(), l.certify(d), b); err != nil {
				t.Fatal(err)
			}
			c, b := lie(l, r)
			if err := r.Next(t.Context(), c, b); !errors.Is(err, ErrHistory) {
				t.Errorf("%v", err)
			}
			if v, _ := r.Version(); v != 1 {
				t.Errorf("it goes on to version %d", v)
			}
		})
	}
}

func TestVersionOfAnUnknownRing(t *testing.T) {
	l := newLyingRing(t)
	r := l.replay()
	d, b := l.honest(r, l.write(l.owner, 0))
	d.Ring, d.Epoch = wire.RingCertID{5}, 2
	if err := r.Next(t.Context(), l.certify(d), b); !errors.Is(err, ErrRing) {
		t.Errorf("%v", err)
	}
}

func TestNodesAreBounded(t *testing.T) {
	n := newNodes(noSource{})
	n.bytesMax = 1000
	for i := range 100 {
		n.add([]tree.Node{{Hash: wire.NodeHash{byte(i)}, Bytes: make([]byte, 100)}})
		if i%5 == 0 {
			if _, err := n.Node(t.Context(), wire.NodeHash{}); err != nil {
				t.Fatalf("what is used goes after %d others: %v", i, err)
			}
		}
	}
	if len(n.young)+len(n.old) > 20 {
		t.Errorf("%d nodes of 100 bytes are kept, limit 20", len(n.young)+len(n.old))
	}
	if _, err := n.Node(t.Context(), wire.NodeHash{1}); !errors.Is(err, errNoNode) {
		t.Errorf("what nobody has: %v", err)
	}
}
