package node

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/bft/runner"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// liar is a leader that tells one member another story than the others: the same
// updates at another time, properly executed and signed.
type liar struct {
	runner.Transport
	node *Node

	mu     sync.Mutex
	object wire.ObjectID // about which it lies; zero: none yet
	victim wire.PeerID
}

func (l *liar) begin(object wire.ObjectID, victim wire.PeerID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.object, l.victim = object, victim
}

func (l *liar) wants(object wire.ObjectID, to wire.PeerID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return object == l.object && to == l.victim
}

func (l *liar) Send(to wire.PeerID, message []byte) {
	object, epoch, m, err := bft.ParseMessage(message)
	if p, ok := m.(*bft.PrePrepare); ok && err == nil && l.wants(object, to) && p.Parent != nil {
		if other, err := l.otherStory(*p); err == nil {
			message = bft.EncodeMessage(object, epoch, &other)
		}
	}
	l.Transport.Send(to, message)
}

func (l *liar) otherStory(p bft.PrePrepare) (bft.PrePrepare, error) {
	d := &p.Proposal.Decision
	d.TimeUnixMilli++
	parent := p.Parent.Decision
	head, _, err := l.node.rings.Head(l.object)
	if err != nil {
		return p, err
	}
	x, err := l.node.rings.Executor.Execute(context.Background(), l.object, runner.State{Version: parent.Version, Root: parent.State},
		runner.Env{Version: d.Version, TimeUnixMilli: d.TimeUnixMilli, Ring: head.Genesis.Body.Ring(), Previous: parent.ID()}, p.Proposal.Batch.Updates)
	if err != nil {
		return p, err
	}
	key, err := l.ringKey()
	if err != nil {
		return p, err
	}
	d.State = x.Root
	p.Proposal.Batch.Outcomes = x.Outcomes
	d.Outcomes = p.Proposal.Batch.Digest()
	p.Signature = bft.SignVote(key, bft.Prepare, bft.Ballot{View: p.View, Decision: d.ID()})
	return p, nil
}

// ringKey reads the key that the member votes with from its log, see
// bft/runner/FORMAT.md.
func (l *liar) ringKey() (wire.Key, error) {
	var m struct {
		_      struct{} `cbor:",toarray"`
		Format uint64
		Epoch  wire.Epoch
		Ring   wire.RingCertID
		Base   wire.Version
		Member bool
		Seed   [32]byte
	}
	err := l.node.store.View(func(r kv.Reader) error {
		return r.Get(append([]byte("rk"), l.object[:]...), func(b []byte) error { return wire.Unmarshal(b, &m, 256) })
	})
	return wire.NewKey(m.Seed), err
}

// A leader tells one member another story. Puts go on, whoever asks sees who has
// lied, and the proof holds for anybody, offline.
func TestALiarIsShown(t *testing.T) {
	const peers = 6
	c := &cluster{t: t, tune: func(*Config) {}, nodes: make([]*Node, peers), stops: make([]func(), peers), dirs: make([]string, peers), ports: make([]string, peers)}
	var liars [peers]*liar
	c.opened = func(i int, n *Node) {
		liars[i] = &liar{Transport: n.links, node: n}
		n.rings.Transport = liars[i]
	}
	for i := range peers {
		c.begin(i)
	}
	c.meet()
	object, _ := c.init(0, 4)
	members := c.members(0, object)
	c.mustPut(0, "home:/a", "0")
	l := liars[members[0]]
	l.begin(object, c.nodes[members[2]].host.Self())
	for i := 1; i <= 5; i++ {
		c.mustPut(0, "home:/a", fmt.Sprint(i))
	}
	var shown api.Ring
	c.until("the liar is shown", func() bool {
		r, err := c.user(0).Ring(t.Context(), api.RingRequest{Ref: "home:"})
		if err != nil {
			t.Fatal(err)
		}
		shown = r
		return len(r.Evidence) > 0
	})
	self := l.node.host.Self()
	want := fmt.Sprintf("epoch 1: %v has signed two decisions on one version", self)
	if strings.Join(shown.Evidence, "; ") != want {
		t.Errorf("%q, want %q", shown.Evidence, want)
	}
	x, err := bft.ParseExhibit(shown.Exhibit)
	if err != nil {
		t.Fatal(err)
	}
	lies, err := x.Verify(object)
	if err != nil || len(lies) != 1 || lies[0] != (bft.Lie{Epoch: 1, Peer: self}) {
		t.Errorf("offline: %v, %v", lies, err)
	}
}
