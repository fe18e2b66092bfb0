package bft

import "github.com/atollnet/atoll/internal/wire"

// execution is the one batch that the host executes or has executed. The host
// keeps the result of the last alone, so there is never need for another.
type execution struct {
	token    uint64
	phase    phase
	proposal *Proposal // whose result is checked; nil: a new batch of this leader's
	nextRing *RingCert // of the result

	// Of a new batch.
	view    wire.View
	time    int64
	updates [][]byte
}

type phase uint8

const (
	idle phase = iota
	running
	done   // and the result is that of proposal
	failed // the host could not; tried again when the timer runs out
)

func (e execution) active() bool { return e.phase == running }

// is reports whether the execution is of a decision.
func (e execution) is(id wire.VersionID) bool {
	return e.phase != idle && e.proposal != nil && e.proposal.Decision.ID() == id
}

// propose starts what a leader may propose: what the view must begin with, or
// else a batch of what waits. The proposal is made when it has been executed.
func (r *Replica) propose() {
	switch {
	case !r.isLeader() || r.state.Changing || r.current != nil || r.decided != nil || r.target > r.head.version:
		return
	case r.run.active() || r.offered != nil || r.over || !r.enoughReady():
		return
	}
	if d := r.mustBeginWith(); d != nil {
		r.proposeAgain(d.ID())
		return
	}
	if updates := r.queue.batch(); len(updates) > 0 {
		r.execute(execution{view: r.state.View, time: max(r.head.time, r.now), updates: updates})
	}
}

// mayGather reports whether the next batch may wait for another Step, as a
// version has just been committed. Without that, users who write all the time
// would be ordered in two halves, or one and then all others: those who come back
// first are under way while the rest come back.
func (r *Replica) mayGather() bool {
	return r.gather && r.out.Commit != nil && !r.over && r.isLeader() && !r.state.Changing && !r.run.active() && r.decided == nil
}

// mustBeginWith returns the decision that this view has to repeat, if it is
// about the next version.
func (r *Replica) mustBeginWith() *Decision {
	if r.required == nil || r.required.Version != r.head.version+1 {
		return nil
	}
	return r.required
}

func (r *Replica) proposeAgain(id wire.VersionID) {
	switch p := r.known[id]; {
	case p == nil:
		r.ask(Fetch{Version: r.head.version + 1, Decision: id})
	case r.run.is(id) && r.run.phase == done:
		r.accept(p)
		r.advance()
	case !r.run.is(id):
		r.execute(execution{proposal: p, time: p.Decision.TimeUnixMilli, updates: p.Batch.Updates})
	}
}

func (r *Replica) execute(e execution) {
	e.token, e.phase = r.run.token+1, running
	r.run = e
	r.out.Execute = &Execute{
		Token: e.token, Parent: r.head.version, Previous: r.head.id, Root: r.head.root,
		Version: r.head.version + 1, TimeUnixMilli: e.time, Updates: e.updates,
	}
}

func (r *Replica) executed(in Executed) {
	if in.Token != r.run.token || r.run.phase != running {
		return
	}
	switch {
	case in.Failed:
		r.executionFailed()
	case r.run.proposal == nil:
		r.executedNew(in)
	default:
		r.executedProposal(in)
	}
}

// executionFailed gives up what can be given up. A batch of our own users goes
// back to them; what others propose comes again; what is certified is tried
// again.
func (r *Replica) executionFailed() {
	r.run.phase = failed
	switch {
	case r.run.proposal == nil:
		ids := requestIDs(r.run.updates)
		r.queue.remove(ids)
		r.out.Failed = append(r.out.Failed, ids...)
		r.run.phase = idle
	case r.offered != nil && r.run.is(r.offered.Proposal.Decision.ID()):
		r.offered, r.run.phase = nil, idle
	}
}

// executedNew makes a proposal of a batch and its result, if this member still
// leads. If it does not, the updates wait on.
func (r *Replica) executedNew(in Executed) {
	r.run.phase = idle
	if r.run.view != r.state.View || r.state.Changing || r.mustBeginWith() != nil || r.decided != nil {
		return
	}
	batch := in.batch(r.run.updates)
	if err := batch.Check(); err != nil {
		panic(err) // the queue holds to the limits, and so must our executor
	}
	p := &Proposal{Batch: batch, Decision: Decision{
		Object: r.ring.Object, Epoch: r.ring.Epoch, Ring: r.ringID,
		Version: r.head.version + 1, Previous: r.head.id,
		State: in.Root, Outcomes: batch.Digest(), NextRing: in.next(), TimeUnixMilli: r.run.time,
	}}
	r.run.proposal, r.run.phase, r.run.nextRing = p, done, in.NextRing
	r.accept(p)
}

// executedProposal compares our result with the one proposed or certified.
func (r *Replica) executedProposal(in Executed) {
	p := r.run.proposal
	id := p.Decision.ID()
	ours := Batch{Updates: p.Batch.Updates, Outcomes: in.Outcomes}
	if ours.Check() != nil || in.Root != p.Decision.State || ours.Digest() != p.Decision.Outcomes || in.next() != p.Decision.NextRing {
		r.disagree(id)
		return
	}
	r.run.phase, r.run.nextRing = done, in.NextRing
	offered := r.offered != nil && r.offered.Proposal.Decision.ID() == id
	if offered && r.decided == nil {
		r.accept(p)
	}
}

// disagree drops a proposal with a wrong result. One that 2f+1 members have
// prepared has the right result: then this member is the one that is wrong.
func (r *Replica) disagree(id wire.VersionID) {
	r.run.phase = idle
	certified := r.decided != nil && r.decided.Decision.ID() == id
	prepared := r.required != nil && r.required.ID() == id
	if certified || prepared {
		r.fail(ErrDiverged)
	}
	r.offered = nil
}

func (r *Replica) fail(err error) { r.fault, r.out.Fault = err, err }

// accept prepares a proposal: from here on this member prepares no other in
// this view. The leader's vote travels in its PrePrepare.
func (r *Replica) accept(p *Proposal) {
	id := p.Decision.ID()
	b := Ballot{View: r.state.View, Decision: id}
	r.state.Accepted, r.dirty = &b, true
	r.current, r.offered = p, nil
	r.know(p)
	if !r.stored[id] {
		r.stored[id] = true
		r.out.Store = append(r.out.Store, *p)
	}
	r.castOwn(Prepare, b)
	r.tellPrepare(All)
	r.confront()
}

// know keeps a proposal for the next version, and drops those that nothing
// refers to any more.
func (r *Replica) know(p *Proposal) {
	r.known[p.Decision.ID()] = p
	for id := range r.known {
		if id != p.Decision.ID() && !r.refersTo(id) {
			delete(r.known, id)
		}
	}
}

func (r *Replica) refersTo(id wire.VersionID) bool {
	s := r.state
	return s.Accepted != nil && s.Accepted.Decision == id ||
		s.Prepared != nil && s.Prepared.Decision.ID() == id ||
		r.required != nil && r.required.ID() == id ||
		r.decided != nil && r.decided.Decision.ID() == id
}

// prePrepare takes a leader's proposal: what it shows of the version before,
// then the proposal itself, which is executed before it is voted for.
func (r *Replica) prePrepare(from int, m *PrePrepare) {
	if m.Proposal.check() != nil {
		return
	}
	if from != r.leader(m.View) {
		r.confronted(m)
		return
	}
	r.learn(m.Parent, from)
	r.advance()
	d := m.Proposal.Decision
	switch {
	case r.over:
		return
	case d.Version == r.head.version+2, d.Version == r.head.version+1 && m.View > r.state.View:
		r.hold(m)
		return
	case d.Version != r.head.version+1:
		return
	case r.decided != nil && r.decided.Decision.ID() == d.ID():
		r.know(&m.Proposal)
		return
	}
	r.compareProposals(from, m)
	switch {
	case m.View != r.state.View || r.state.Changing || r.offered != nil || r.decided != nil || r.target > r.head.version:
		return
	case r.current != nil:
		if r.state.Accepted.Decision == d.ID() {
			r.tell(from) // it has not heard our vote
		}
		return
	}
	ballot := Ballot{View: m.View, Decision: d.ID()}
	if r.mayFollow(d) && r.verify.vote(r.ring.Members[from].Key, Prepare, ballot, m.Signature) == nil {
		r.votes.put(Prepare, from, ballot, m.Signature, true)
		r.consider(m)
	}
}

// mayFollow reports whether a decision may be prepared in this view, its result
// apart.
func (r *Replica) mayFollow(d Decision) bool {
	if d.Object != r.ring.Object || d.Epoch != r.ring.Epoch || d.Ring != r.ringID {
		return false
	}
	if d.Previous != r.head.id || d.TimeUnixMilli < r.head.time {
		return false
	}
	if again := r.mustBeginWith(); again != nil {
		return again.ID() == d.ID()
	}
	return d.TimeUnixMilli <= r.head.time+aheadMilliMax || d.TimeUnixMilli <= r.now+aheadMilliMax
}

func (r *Replica) consider(m *PrePrepare) {
	p := &m.Proposal
	r.offered = m
	switch id := p.Decision.ID(); {
	case r.run.is(id) && r.run.phase == done:
		r.accept(p)
	case r.run.is(id) && r.run.phase == running:
	default:
		r.execute(execution{proposal: p, time: p.Decision.TimeUnixMilli, updates: p.Batch.Updates})
	}
}

// hold keeps one early proposal, of the lowest view that is not over.
func (r *Replica) hold(m *PrePrepare) {
	if r.held == nil || r.held.View < r.state.View || m.View <= r.held.View {
		r.held = m
	}
}

// takeHeld looks at the early proposal again when a version or a view has come.
func (r *Replica) takeHeld() {
	m := r.held
	if m == nil || m.View > r.state.View || r.state.Changing || m.Proposal.Decision.Version > r.head.version+1 {
		return
	}
	r.held = nil
	r.prePrepare(r.leader(m.View), m)
}
