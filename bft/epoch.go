package bft

import "github.com/atollnet/atoll/internal/wire"

// An epoch begins with the last version of the epoch before, or with the one
// that an owner's override goes on from, and ends with the version that names
// the next ring. Within it everything is as in a ring that is alone.

// beginning reports whether this ring has decided nothing yet and follows
// another: its members may still be fetching the state.
func (r *Replica) beginning() bool { return r.head.proof == nil && r.ring.Epoch > 1 }

// enoughReady reports whether 2f+1 members hold the version that the epoch
// begins with, so that a proposal can be prepared by them. Safety does not rest
// on it.
func (r *Replica) enoughReady() bool {
	if !r.beginning() {
		return true
	}
	count := 0
	for _, ready := range r.ready {
		if ready {
			count++
		}
	}
	return count >= r.ring.Quorum()
}

// end gives up the epoch: the version just committed names the ring that goes
// on. What waits is for that ring.
func (r *Replica) end() {
	r.over = true
	// Those of other members too: a user of this one may have submitted the same.
	own := r.queue.lines[r.self]
	r.queue.lines[r.self] = nil
	for _, line := range append([][]*request{own}, r.queue.lines...) {
		for _, waits := range line {
			r.out.Left = append(r.out.Left, waits.update)
		}
	}
	r.queue = newQueue(len(r.ring.Members))
	r.held, r.target = nil, 0
	r.state = State{View: r.state.View}
	r.changes = make([]*ViewChange, len(r.ring.Members))
	r.content()
}

// late answers a member that has not seen the end of the epoch.
func (r *Replica) late(from int, m Message) {
	answer, version := Late(*r.head.proof, m)
	if answer != nil {
		r.send(from, answer)
	}
	if version > r.begin.version {
		r.out.Serve = append(r.out.Serve, Serve{from, version})
	}
}

// Late says how a member of a ring that orders no more answers one that lags:
// with the certificate of the epoch's last version, and, if serve is not zero,
// with the Data of that committed version. It needs no replica and signs
// nothing.
func Late(last Certificate, m Message) (answer Message, serve wire.Version) {
	switch m := m.(type) {
	case *Progress:
		if m.Version < last.Decision.Version {
			return &Announce{Commit: last}, 0
		}
	case *Fetch:
		if m.Version <= last.Decision.Version {
			return nil, m.Version
		}
	}
	return nil, 0
}

// batch returns what a new version holds: of the updates given, those that have
// outcomes.
func (in Executed) batch(updates [][]byte) Batch {
	if in.NextRing != nil && len(in.Outcomes) < len(updates) {
		updates = updates[:len(in.Outcomes)]
	}
	return Batch{Updates: updates, Outcomes: in.Outcomes}
}

func (in Executed) next() wire.RingCertID {
	if in.NextRing == nil {
		return wire.RingCertID{}
	}
	return in.NextRing.ID()
}
