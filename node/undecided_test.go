package node

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/bft/runner"
	"github.com/atollnet/atoll/internal/wire"
)

// hushed tells one member proposals and prepares, but not what came of them.
type hushed struct {
	runner.Transport
	victim *atomic.Pointer[wire.PeerID]
}

func (h hushed) Send(to wire.PeerID, message []byte) {
	if v := h.victim.Load(); v != nil && *v == to {
		_, _, m, err := bft.ParseMessage(message)
		vote, isVote := m.(*bft.Vote)
		_, isProposal := m.(*bft.PrePrepare)
		if err != nil || !isProposal && (!isVote || vote.Kind == bft.Commit) {
			return
		}
	}
	h.Transport.Send(to, message)
}

// A member that never learns what became of a version that it has prepared does
// not answer readers, and with another one gone too few do. They are told so, for
// as long as they may have another ring to ask.
func TestAQuestionToARingEnds(t *testing.T) {
	const peers = 6
	c := &cluster{t: t, tune: func(*Config) {}, nodes: make([]*Node, peers), stops: make([]func(), peers), dirs: make([]string, peers), ports: make([]string, peers)}
	var victim atomic.Pointer[wire.PeerID]
	c.opened = func(_ int, n *Node) { n.rings.Transport = hushed{n.links, &victim} }
	for i := range peers {
		c.begin(i)
	}
	c.meet()
	object, _ := c.init(0, 4)
	members := c.members(0, object)
	c.mustPut(0, "home:/a", "decided")
	last, gone := members[3], members[2]
	self := c.nodes[last].host.Self()
	victim.Store(&self)
	c.mustPut(0, "home:/a", "not for all")
	reader := c.outside(append(members, 0)...)
	r := c.nodes[reader].ring
	k, err := r.find(t.Context(), object)
	if err != nil {
		t.Fatal(err)
	}
	c.stop(gone)
	began := time.Now()
	if _, err := r.confirm(context.Background(), object, k); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 2*confirmMax {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
	victim.Store(nil)
	if fresh, err := r.latest(t.Context(), object); err != nil || fresh.verified.Decision.Version != 2 {
		t.Errorf("when all is told: version %d, %v", fresh.verified.Decision.Version, err)
	}
}
