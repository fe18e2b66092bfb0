package bfttest

import (
	"slices"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
)

const (
	// almostMilli is how late one is who must not be suspected: a leader's
	// proposal and the votes on it take this once.
	almostMilli = 900
	// heardMax is how much of what was said is said again.
	heardMax = 64
)

// hear takes what a member that lies is told, and returns what it lets its
// replica know.
func (n *node) hear(inputs []bft.Input) []bft.Input {
	w := n.world
	for _, in := range inputs {
		if r, ok := in.(bft.Receive); ok && w.Lie == Replays {
			w.heard = append(w.heard, r.Message)
			w.heard = w.heard[max(0, len(w.heard)-heardMax):]
		}
	}
	if w.Lie != Starves {
		return inputs
	}
	return slices.DeleteFunc(slices.Clone(inputs), func(in bft.Input) bool {
		r, ok := in.(bft.Receive)
		if !ok {
			return false
		}
		q, ok := r.Message.(*bft.Request)
		return ok && starved(q.Update)
	})
}

// starved reports whether an update is one of those that a starving leader does
// not like.
func starved(update []byte) bool { return update[len(update)-1]%3 == 0 }

// lie sends what a member that lies says instead: most of the time what its
// replica says, so that it stays in the game, else something else, each member
// being told another thing.
func (n *node) lie(ring bft.RingCert, to int, m bft.Message) {
	w := n.world
	switch w.Lie {
	case Delays:
		for _, other := range w.nodes {
			if other.peer == to {
				w.carryLate(n, other, ring.Epoch, m, almostMilli)
			}
		}
		return
	case Replays:
		if len(w.heard) == 0 {
			w.heard = append(w.heard, m)
		}
		w.route(n, ring.Epoch, to, w.heard[w.random.IntN(len(w.heard))])
		fallthrough
	case Starves:
		w.route(n, ring.Epoch, to, m)
		return
	}
	if w.random.IntN(4) > 0 {
		w.route(n, ring.Epoch, to, m)
		return
	}
	key := newSigner(n.peer, ring.Epoch)
	switch m := m.(type) {
	case *bft.PrePrepare:
		w.route(n, ring.Epoch, to, n.equivocate(ring, m, key))
	case *bft.Vote:
		w.route(n, ring.Epoch, to, n.otherVote(m, key))
	case *bft.ViewChange:
		w.route(n, ring.Epoch, to, n.otherChange(ring, m, key))
	case *bft.Suspect:
		w.route(n, ring.Epoch, to, &bft.Suspect{View: m.View + wire.View(w.random.IntN(3))})
	case *bft.Data:
		w.route(n, ring.Epoch, to, &bft.Data{Proposal: n.disk.any(w, m.Proposal), Commit: m.Commit})
	case *bft.Announce:
		w.route(n, ring.Epoch, to, n.forge(m.Commit, key))
	case *bft.Progress:
		w.route(n, ring.Epoch, to, &bft.Progress{Version: m.Version + wire.Version(w.random.IntN(3)), View: m.View})
	} // the rest is kept silent about
}

// equivocate proposes the same batch at another time, properly executed and
// signed.
func (n *node) equivocate(ring bft.RingCert, m *bft.PrePrepare, key signer) bft.Message {
	other := *m
	p := &other.Proposal
	p.Decision.TimeUnixMilli += 1 + n.world.random.Int64N(3)
	root := firstRoot
	if base := n.disk.saved.Base; base != nil {
		root = base.State
	}
	if m.Parent != nil {
		root = m.Parent.Decision.State
	}
	result := execute(bft.Execute{Root: root, Version: p.Decision.Version, TimeUnixMilli: p.Decision.TimeUnixMilli, Updates: p.Batch.Updates}, ring)
	p.Decision.State = result.Root
	other.Signature = bft.SignVote(key, bft.Prepare, bft.Ballot{View: m.View, Decision: p.Decision.ID()})
	return &other
}

// otherVote votes for something else that is on the table, or in another view.
func (n *node) otherVote(m *bft.Vote, key signer) bft.Message {
	other := *m
	if known := n.disk.saved.Proposals; len(known) > 0 && n.world.random.IntN(2) == 0 {
		other.Ballot.Decision = known[n.world.random.IntN(len(known))].Decision.ID()
	} else {
		other.Ballot.View += wire.View(n.world.random.IntN(3))
	}
	if n.world.random.IntN(2) == 0 {
		other.Kind = bft.Prepare + bft.Commit - m.Kind
	}
	other.Signature = bft.SignVote(key, other.Kind, other.Ballot)
	return &other
}

// otherChange hides what was prepared, or says so for an older version.
func (n *node) otherChange(ring bft.RingCert, m *bft.ViewChange, key signer) bft.Message {
	other := *m
	other.Prepared = nil
	if log := n.disk.log; len(log) > 0 && n.world.random.IntN(2) == 0 {
		other.Commit = log[n.world.random.IntN(len(log))].Commit
	}
	bft.SignViewChange(key, &other, ring.ID())
	return &other
}

// forge shows a certificate of its own making: the right signers, and no
// signatures but this member's.
func (n *node) forge(c bft.Certificate, key signer) bft.Message {
	c.Decision.Previous = c.Version()
	c.Decision.Version++
	c.Decision.TimeUnixMilli++
	c.Signatures = append([]wire.Signature(nil), c.Signatures...)
	for i := range c.Signatures {
		c.Signatures[i] = bft.SignVote(key, bft.Commit, c.Ballot())
	}
	return &bft.Announce{Commit: c}
}

// any returns one of the proposals on this disk, or the one given.
func (d *disk) any(w *world, p bft.Proposal) bft.Proposal {
	if len(d.log) == 0 || w.random.IntN(2) == 0 {
		return p
	}
	return d.log[w.random.IntN(len(d.log))].Proposal
}
