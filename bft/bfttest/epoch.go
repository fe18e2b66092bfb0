package bfttest

import (
	"slices"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
)

// How rings follow each other: what package runner and the node around it do
// when a version names the next ring.

// inviteMilli is how often one that is to be a member is told.
const inviteMilli = 1000

// changeRing hands some member the wish for another ring now and then: as many
// of the peers as now, chosen anew; half of the time two wishes at once.
func (w *world) changeRing() {
	if !w.chance(w.Change) {
		return
	}
	for range 1 + w.random.IntN(2) {
		n := w.anyMember()
		if n == nil {
			return
		}
		peers := w.random.Perm(w.Members + w.Spares)[:w.Members]
		slices.Sort(peers)
		w.give(n, change(w.updates, n.disk.ring.Epoch+1, peers))
	}
}

// isMember reports whether this peer is in the newest ring that it knows.
func (n *node) isMember() bool { return n.disk.ring.Index(peerID(n.peer)) >= 0 }

// follow makes the ring that a version names the newest.
func (d *disk) follow(c bft.Committed) {
	last := c.Certificate.Decision
	d.ends = append(slices.Clip(d.ends), end{d.ring, c.Certificate})
	d.ring = *c.NextRing
	d.saved = bft.Saved{Base: &last, Root: last.State}
}

// succeed goes on in the next ring if this peer is in it, with what waits here;
// else its users turn to others.
func (n *node) succeed(left [][]byte) {
	if n.replica == nil || !n.replica.Over() {
		return
	}
	n.replica = nil
	n.life++
	for _, m := range n.disk.ring.Members {
		n.invite(peerOf(m), n.disk.ring.Epoch)
	}
	if n.isMember() {
		n.boot(left)
	}
}

// invite tells a peer that it is a member by now, until it knows or this one
// crashes.
func (n *node) invite(peer int, e wire.Epoch) {
	for _, to := range n.world.nodes {
		if to.peer == peer {
			n.inviteLater(to, e, 1+n.world.random.Int64N(max(n.world.DelayMilliMax, 1)))
		}
	}
}

func (n *node) inviteLater(to *node, e wire.Epoch, after int64) {
	w, crashes := n.world, n.crashes
	w.after(after, func() {
		if n.crashes != crashes || to.disk.ring.Epoch >= e {
			return
		}
		if !w.chance(w.Drop) {
			to.join(n)
		}
		if to.disk.ring.Epoch < e {
			n.inviteLater(to, e, inviteMilli)
		}
	})
}

// join takes over what another peer knows of later epochs: the certificates that
// lead there prove it, so that a liar could only withhold it.
func (n *node) join(from *node) {
	if from.lies || !from.up || !n.up || n.world.divided[n.id] != n.world.divided[from.id] || n.disk.ring.Epoch >= from.disk.ring.Epoch {
		return
	}
	had := len(n.disk.log)
	n.disk = disk{
		ring: from.disk.ring, ends: from.disk.ends, log: slices.Clip(from.disk.log),
		saved: bft.Saved{Base: from.disk.saved.Base, Root: from.disk.saved.Root, Commit: from.disk.saved.Commit},
	}
	n.durable = n.disk
	if !n.lies {
		n.world.watch.joined(n.peer, wire.Version(len(n.disk.log)))
	}
	for _, v := range n.disk.log[min(had, len(n.disk.log)):] {
		n.ordered(v.Proposal.Batch.Updates)
	}
	n.boot(n.submitted)
}

// receive takes a message of an epoch from a peer.
func (n *node) receive(from *node, e wire.Epoch, m bft.Message) {
	switch now := n.disk.ring.Epoch; {
	case !n.up:
	case e < now:
		n.late(from, e, m)
	case e > now:
		n.join(from)
	case n.replica != nil:
		if i := n.disk.ring.Index(peerID(from.peer)); i >= 0 {
			n.step(bft.Receive{From: i, Message: m})
		}
	}
}

// late answers a member of an earlier ring that has not seen its end.
func (n *node) late(from *node, e wire.Epoch, m bft.Message) {
	for _, end := range n.disk.ends {
		if end.ring.Epoch != e || end.ring.Index(peerID(from.peer)) < 0 {
			continue
		}
		answer, serve := bft.Late(end.last, m)
		if serve > 0 {
			answer = &n.disk.log[serve-1]
		}
		if answer != nil {
			n.world.route(n, e, from.peer, answer)
		}
	}
}

// moveUsers has users of peers that are members no more turn to one that is, now
// and then. They tell members that have not heard of it, as those who were to do
// so may have crashed, and hear of rings that came later.
func (w *world) moveUsers() {
	w.after(inviteMilli, func() {
		for _, n := range w.nodes {
			if n.lies || !n.up || n.replica != nil || len(n.submitted) == 0 {
				continue
			}
			for _, m := range n.disk.ring.Members {
				for _, to := range w.nodes {
					if to.peer == peerOf(m) {
						to.join(n)
						n.join(to)
					}
				}
			}
			if to := w.newestMember(); to != nil {
				left := n.submitted
				n.submitted = nil
				to.submitted = append(to.submitted, left...)
				to.submit(left)
			}
		}
		w.moveUsers()
	})
}

// newestMember returns an honest member of the newest ring that works; nil if
// there is none just now.
func (w *world) newestMember() (newest *node) {
	for _, n := range w.nodes {
		if !n.lies && n.replica != nil && (newest == nil || n.disk.ring.Epoch > newest.disk.ring.Epoch) {
			newest = n
		}
	}
	return newest
}

// anyMember returns an honest member of a ring, be it that of long ago; nil if
// none works just now.
func (w *world) anyMember() *node {
	var all []*node
	for _, n := range w.nodes {
		if !n.lies && n.replica != nil {
			all = append(all, n)
		}
	}
	if len(all) == 0 {
		return nil
	}
	return all[w.random.IntN(len(all))]
}

func peerOf(m bft.Member) int { return int(m.Peer[1]) - 1 }
