package bfttest

import (
	"slices"

	"github.com/atollnet/atoll/bft"
)

// node is a peer with its disk, and the replica that it has as a member of a
// ring; a peer that lies has two.
type node struct {
	world *world
	id    int // among the nodes
	peer  int
	lies  bool

	disk    disk
	durable disk // what a crash of the machine leaves for sure
	up      bool
	replica *bft.Replica // nil while it is down, or no member
	life    int          // counts replicas, so that events of an earlier one are void
	crashes int
	timer   uint64 // the token that counts
	// submitted and not ordered yet; users send again after a crash
	submitted [][]byte
}

// disk is what survives a crash.
type disk struct {
	ring  bft.RingCert // the newest that is known here
	ends  []end        // of the epochs before
	saved bft.Saved
	log   []bft.Data // of the versions from 1
}

// end is how an epoch ended: with the certificate that names the next ring.
type end struct {
	ring bft.RingCert
	last bft.Certificate
}

// boot starts the peer from its disk, and the replica if it is a member; waiting
// is what users want of it.
func (n *node) boot(waiting [][]byte) {
	n.up, n.replica = true, nil
	n.life++
	if !n.isMember() {
		return
	}
	ring := n.disk.ring
	c := bft.Config{Ring: ring, Self: ring.Index(peerID(n.peer)), Key: newSigner(n.peer, ring.Epoch), Verify: verify}
	saved := n.disk.saved
	switch n.world.Fault {
	case Amnesia:
		saved.State, saved.Proposals = bft.State{}, nil
	case Trusting:
		c.Verify = trusting
	}
	r, err := bft.New(c, saved)
	if err != nil {
		n.world.watch.fail("peer %d does not start again: %v", n.peer, err)
		return
	}
	n.replica = r
	n.step(n.world.roundTrips(ring)...)
	n.submit(waiting)
}

// submit gives updates to the replica, one after the other, as long as it is
// there.
func (n *node) submit(updates [][]byte) {
	life := n.life
	for _, u := range slices.Clone(updates) {
		if n.replica == nil || n.life != life {
			return // what is not taken is given to the next one
		}
		n.step(bft.Submit{Update: u})
	}
}

// crash ends the process, or the machine, which takes what was not durable
// with it.
func (n *node) crash() {
	if n.world.random.IntN(2) == 0 {
		n.disk = n.durable
		n.world.watch.lost(n.peer, len(n.disk.log))
	}
	n.up, n.replica = false, nil
	n.crashes++
	n.life++
	n.world.report.Crashes++
	life := n.life
	n.world.after(n.world.random.Int64N(5000), func() {
		if n.life == life && !n.up {
			n.boot(n.submitted)
		}
	})
}

// step lets the replica take inputs and carries out the effects, unless the
// machine fails on the way.
func (n *node) step(inputs ...bft.Input) {
	w := n.world
	w.report.Steps++
	if n.lies {
		inputs = n.hear(inputs)
	}
	ring := n.disk.ring
	e := n.replica.Step(w.now+int64(n.peer)*40, inputs...)
	if e.Fault != nil && !n.lies {
		w.watch.fail("peer %d: %v", n.peer, e.Fault)
	}
	if !n.lies {
		w.accused(ring, e.Evidence)
	}
	if !n.lies && w.chance(w.Crash) {
		n.crashIn(ring, e)
		return
	}
	n.persist(e)
	n.say(ring, e, len(e.Send))
	n.start(e, ring)
	n.succeed(e.Left)
}

// crashIn fails at a random point: before anything is written, after it is, or
// when part has been said.
func (n *node) crashIn(ring bft.RingCert, e bft.Effects) {
	point := n.world.random.IntN(3)
	if n.world.Fault == SaysFirst {
		n.say(ring, e, len(e.Send))
	} else if point > 0 {
		n.persist(e)
		n.say(ring, e, (point-1)*len(e.Send)/2)
	}
	n.crash()
}

func (n *node) persist(e bft.Effects) {
	n.write(e)
	if e.Sync {
		n.durable = n.disk
	}
}

func (n *node) write(e bft.Effects) {
	if e.State != nil {
		n.disk.saved.State = *e.State
	}
	n.disk.saved.Proposals = slices.Concat(n.disk.saved.Proposals, e.Store)
	c := e.Commit
	if c == nil {
		return
	}
	p := bft.Proposal{Decision: c.Certificate.Decision, Batch: c.Batch}
	n.disk.log = append(n.disk.log, bft.Data{Proposal: p, Commit: &c.Certificate})
	n.disk.saved.Commit, n.disk.saved.Root = &c.Certificate, p.Decision.State
	n.disk.saved.Proposals = nil
	n.world.report.Version = max(n.world.report.Version, p.Decision.Version)
	n.world.report.View = max(n.world.report.View, c.Certificate.View)
	if !n.lies {
		n.world.watch.committed(n.peer, n.disk.ring, *c)
	}
	if c.NextRing != nil {
		n.disk.follow(*c)
		n.world.report.Epoch = max(n.world.report.Epoch, n.disk.ring.Epoch)
	}
	n.ordered(c.Batch.Updates)
	n.world.isolate(n)
}

// ordered answers the users of this member.
func (n *node) ordered(updates [][]byte) {
	for _, u := range n.submitted {
		answered := n.world.seen[string(u)]
		if answered != nil && !answered.Acknowledged && slices.ContainsFunc(updates, func(done []byte) bool { return string(done) == string(u) }) {
			answered.Ended, answered.Acknowledged = n.world.now, true
		}
	}
	n.submitted = slices.DeleteFunc(n.submitted, func(u []byte) bool {
		return slices.ContainsFunc(updates, func(done []byte) bool { return string(done) == string(u) })
	})
}

// say sends the first count of the messages to members of the ring, and serves
// the log.
func (n *node) say(ring bft.RingCert, e bft.Effects, count int) {
	self := ring.Index(peerID(n.peer))
	for _, s := range e.Send[:count] {
		for i := range ring.Members {
			if i == self || s.To != i && s.To != bft.All {
				continue
			}
			n.tell(ring, i, s.Message)
		}
	}
	for _, s := range e.Serve {
		n.tell(ring, s.To, &n.disk.log[s.Version-1])
	}
}

func (n *node) tell(ring bft.RingCert, to int, m bft.Message) {
	peer := peerOf(ring.Members[to])
	if n.lies {
		n.lie(ring, peer, m)
		return
	}
	n.world.watch.said(n.peer, ring.Epoch, m)
	n.world.route(n, ring.Epoch, peer, m)
}

// start starts the timer and the execution that the effects ask for.
func (n *node) start(e bft.Effects, ring bft.RingCert) {
	life := n.life
	if t := e.Timer; t != nil {
		n.timer = t.Token
		if t.AfterMilli > 0 {
			n.world.after(int64(t.AfterMilli), func() {
				if n.life == life && n.timer == t.Token {
					n.step(bft.Timeout{Token: t.Token})
				}
			})
		}
	}
	if x := e.Execute; x != nil {
		n.world.after(n.world.random.Int64N(5), func() {
			if n.life == life {
				n.step(execute(*x, ring))
			}
		})
	}
}
