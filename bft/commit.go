package bft

import "github.com/atollnet/atoll/internal/wire"

// vote notes a vote on the next version, or on the one after, for a member may
// be one commit ahead.
func (r *Replica) vote(from int, m *Vote) {
	if !m.Kind.valid() {
		return
	}
	switch m.Version {
	case r.head.version + 1:
		r.compareVotes(from, m)
		r.votes.put(m.Kind, from, m.Ballot, m.Signature, false)
		r.confront()
	case r.head.version + 2:
		r.later.put(m.Kind, from, m.Ballot, m.Signature, false)
	}
}

// advance does what votes and results at hand allow.
func (r *Replica) advance() {
	if r.fault != nil {
		return
	}
	r.countVotes()
	r.settle()
}

// countVotes makes certificates of the votes for what this member has prepared.
func (r *Replica) countVotes() {
	if r.current == nil || r.state.Changing {
		return
	}
	b := *r.state.Accepted
	if r.state.Prepared == nil || r.state.Prepared.View != b.View {
		c := r.certificate(Prepare, b)
		if c == nil {
			return
		}
		r.state.Prepared, r.dirty = c, true
		r.castOwn(Commit, b)
		r.tellCommit(All)
	}
	if r.decided == nil {
		r.decided = r.certificate(Commit, b)
	}
}

func (r *Replica) certificate(k Kind, b Ballot) *Certificate {
	votes := r.votes.votes(k, b, r.ring, r.verify)
	if votes == nil {
		return nil
	}
	c := newCertificate(k, r.current.Decision, b.View, r.ring.Quorum(), votes)
	return &c
}

// learn takes a commit certificate that somebody shows. A nil one, of the
// version that the epoch begins with, says nothing.
func (r *Replica) learn(c *Certificate, from int) {
	if c == nil || c.Decision.Version < r.head.version {
		return
	}
	d := c.Decision
	switch {
	case d.Version == r.head.version:
		r.learnAgain(c)
	case d.Version == r.head.version+1 && r.decided == nil:
		if c.verify(Commit, r.ring, r.verify) != nil {
			return
		}
		if d.Previous != r.head.id {
			r.fail(ErrForked)
			return
		}
		r.compareCertificate(c)
		r.decided, r.fetchFrom = c, from
	case d.Version > r.head.version+1 && d.Version > r.target:
		if c.verify(Commit, r.ring, r.verify) == nil {
			r.target, r.fetchFrom = d.Version, from
		}
	}
	r.catchUp()
}

// learnAgain takes a certificate of a version that is here. It may prove that a
// later view has begun, or that the ring has forked.
func (r *Replica) learnAgain(c *Certificate) {
	same := c.Decision.ID() == r.head.id
	if r.head.proof == nil || same && !r.leadsOn(c.View) {
		return
	}
	if c.verify(Commit, r.ring, r.verify) != nil {
		return
	}
	if !same {
		r.out.Evidence = append(r.out.Evidence, ForkEvidence(r.ring, *r.head.proof, *c))
		r.fail(ErrForked)
		return
	}
	r.enterCommitted(c.View)
	r.takeHeld()
}

// leadsOn reports whether a commit in a view shows that it has begun, which
// this member does not know yet.
func (r *Replica) leadsOn(v wire.View) bool {
	return v > r.state.View || v == r.state.View && r.state.Changing
}

// settle brings a certified version in: fetch it, execute it, commit it.
func (r *Replica) settle() {
	c := r.decided
	if c == nil || r.out.Commit != nil || r.fault != nil {
		return
	}
	id := c.Decision.ID()
	p := r.known[id]
	switch {
	case p == nil && r.offered != nil && r.offered.Proposal.Decision.ID() == id:
		r.know(&r.offered.Proposal)
		r.settle()
	case p == nil:
		r.ask(Fetch{Version: c.Decision.Version, Decision: id})
	case !r.run.is(id):
		r.execute(execution{proposal: p, time: p.Decision.TimeUnixMilli, updates: p.Batch.Updates})
	case r.run.phase == done:
		r.commit(p)
	}
}

// commit makes the certified version the newest, and clears what was about it.
func (r *Replica) commit(p *Proposal) {
	c := r.decided
	r.out.Commit = &Committed{Certificate: *c, Batch: p.Batch, NextRing: r.run.nextRing, Token: r.run.token}
	d := c.Decision
	r.head = committed{d.Version, d.ID(), d.State, d.TimeUnixMilli, c}

	r.state.Accepted, r.state.Prepared, r.dirty = nil, nil, true
	r.known, r.stored = make(map[wire.VersionID]*Proposal), make(map[wire.VersionID]bool)
	r.current, r.offered, r.decided, r.asked, r.shown = nil, nil, nil, Fetch{}, 0
	r.run = execution{token: r.run.token}
	r.votes, r.later = r.later, newTally(len(r.ring.Members))

	ids := requestIDs(p.Batch.Updates)
	r.queue.remove(ids)
	r.queue.remember(ids)
	if d.NextRing != (wire.RingCertID{}) {
		r.end()
		return
	}
	r.failed = 0
	if !r.queue.waits(r.watched) {
		r.content()
	}
	r.enterCommitted(c.View)
	r.catchUp()
	r.takeHeld()
}

// enterCommitted enters a view of which a commit is known: 2f+1 members have
// worked in it, so it has begun, and what it had to begin with is committed.
func (r *Replica) enterCommitted(v wire.View) {
	if r.leadsOn(v) {
		r.enter(v)
	}
	if v == r.state.View && r.state.NewView != nil {
		r.state.NewView, r.required, r.dirty = nil, nil, true
	}
}

// catchUp asks for the next version while later ones are known to exist. One
// that is certified already is asked for by name, in settle: never both, or
// each answer that does not help would call forth two questions.
func (r *Replica) catchUp() {
	if r.target > r.head.version && r.decided == nil {
		r.ask(Fetch{Version: r.head.version + 1})
	}
}

// ask sends a Fetch, once for each time that the timer runs out.
func (r *Replica) ask(f Fetch) {
	if r.asked == f {
		return
	}
	r.asked = f
	if r.fetchFrom == r.self {
		r.askAnother()
	}
	r.send(r.fetchFrom, &f)
}

// askAnother turns to the next member: this one has not answered.
func (r *Replica) askAnother() {
	n := len(r.ring.Members)
	r.fetchFrom = (r.fetchFrom + 1) % n
	if r.fetchFrom == r.self {
		r.fetchFrom = (r.fetchFrom + 1) % n
	}
}
