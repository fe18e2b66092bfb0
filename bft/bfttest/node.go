package bfttest

import (
	"slices"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
)

// node is a replica with its disk; a member that lies has two.
type node struct {
	world  *world
	id     int // among the nodes
	member int
	lies   bool

	disk    disk
	durable disk         // what a crash of the machine leaves for sure
	replica *bft.Replica // nil while it is down
	life    int          // counts boots, so that events of an earlier one are void
	timer   uint64       // the token that counts
	// submitted and not ordered yet; users send again after a crash
	submitted [][]byte
}

// disk is what survives a crash.
type disk struct {
	saved bft.Saved
	log   []bft.Data // of the versions from 1
}

// boot starts the replica from the disk.
func (n *node) boot() {
	c := bft.Config{Ring: n.world.ring, Self: n.member, Key: newSigner(n.member), Verify: verify}
	saved := n.disk.saved
	switch n.world.Fault {
	case Amnesia:
		saved.State, saved.Proposals = bft.State{}, nil
	case Trusting:
		c.Verify = trusting
	}
	r, err := bft.New(c, saved)
	if err != nil {
		n.world.watch.fail("member %d does not start again: %v", n.member, err)
		return
	}
	n.replica = r
	n.life++
	n.step()
	for _, u := range slices.Clone(n.submitted) {
		if n.replica != nil {
			n.step(bft.Submit{Update: u})
		}
	}
}

// crash ends the process, or the machine, which takes what was not durable
// with it.
func (n *node) crash() {
	if n.world.random.IntN(2) == 0 {
		n.disk = n.durable
		n.world.watch.lost(n.member, len(n.disk.log))
	}
	n.replica = nil
	n.life++
	n.world.report.Crashes++
	life := n.life
	n.world.after(n.world.random.Int64N(5000), func() {
		if n.life == life && n.replica == nil {
			n.boot()
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
	e := n.replica.Step(w.now+int64(n.member)*40, inputs...)
	if e.Fault != nil && !n.lies {
		w.watch.fail("member %d: %v", n.member, e.Fault)
	}
	if !n.lies && w.chance(w.Crash) {
		n.crashIn(e)
		return
	}
	n.persist(e)
	n.say(e, len(e.Send))
	n.start(e)
}

// crashIn fails at a random point: before anything is written, after it is, or
// when part has been said.
func (n *node) crashIn(e bft.Effects) {
	point := n.world.random.IntN(3)
	if n.world.Fault == SaysFirst {
		n.say(e, len(e.Send))
	} else if point > 0 {
		n.persist(e)
		n.say(e, (point-1)*len(e.Send)/2)
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
		n.world.watch.committed(n.member, n.world.ring, *c)
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

// say sends the first count of the messages, and serves the log.
func (n *node) say(e bft.Effects, count int) {
	for _, s := range e.Send[:count] {
		for i := range n.world.ring.Members {
			if i == n.member || s.To != i && s.To != bft.All {
				continue
			}
			n.tell(i, s.Message)
		}
	}
	for _, s := range e.Serve {
		n.tell(s.To, &n.disk.log[s.Version-1])
	}
}

func (n *node) tell(to int, m bft.Message) {
	if n.lies {
		n.lie(to, m)
		return
	}
	n.world.watch.said(n.member, m)
	n.world.route(n, to, m)
}

// start starts the timer and the execution that the effects ask for.
func (n *node) start(e bft.Effects) {
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
				n.step(execute(*x))
			}
		})
	}
}

// execute is the executor: states are hashes of all that was executed.
func execute(x bft.Execute) bft.Executed {
	parts := [][]byte{x.Root[:], wire.Uint64(uint64(x.Version)), wire.Uint64(uint64(x.TimeUnixMilli))}
	outcomes := make([][]byte, len(x.Updates))
	for i, u := range x.Updates {
		parts = append(parts, wire.Uint64(uint64(len(u))), u)
		outcomes[i] = []byte{byte(i)}
	}
	return bft.Executed{Token: x.Token, Root: wire.NodeHash(wire.Derive(wire.ContextNode, parts...)), Outcomes: outcomes}
}
