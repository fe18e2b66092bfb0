package bft

// resendMax is the most waiting updates that are sent again at a time.
const resendMax = 16

// What this member says can be said again at any time: it follows from its
// state, byte for byte, for all but the set of signers of a certificate.

// tellAll says everything again to everybody, and where this member stands.
func (r *Replica) tellAll() {
	r.send(All, &Progress{Version: r.head.version, View: r.state.View})
	if r.suspected {
		r.send(All, &Suspect{View: r.state.View})
	}
	r.tell(All)
	for _, waits := range r.queue.oldest(resendMax) {
		insists := r.insists && r.queue.byID[waits.id] == r.self
		r.send(All, &Request{Update: waits.update, Again: insists || r.queue.wasOrdered(waits.update)})
	}
}

// tell says what this member has signed about the present view and the next
// version.
func (r *Replica) tell(to int) {
	if r.state.Changing {
		r.send(to, r.changes[r.self])
		return
	}
	if r.state.NewView != nil && r.isLeader() {
		r.send(to, r.state.NewView)
	}
	if r.current != nil {
		r.tellPrepare(to)
		if p := r.state.Prepared; p != nil && p.View == r.state.View {
			r.tellCommit(to)
		}
	}
}

// tellPrepare sends this member's prepare vote; the leader's is its proposal.
func (r *Replica) tellPrepare(to int) {
	b := *r.state.Accepted
	own := r.votes.prepares[r.self].signature
	if r.isLeader() {
		r.send(to, &PrePrepare{View: b.View, Proposal: *r.current, Parent: r.head.proof, Signature: own})
		return
	}
	r.send(to, &Vote{Kind: Prepare, Version: r.head.version + 1, Ballot: b, Signature: own})
}

func (r *Replica) tellCommit(to int) {
	own := r.votes.commits[r.self].signature
	r.send(to, &Vote{Kind: Commit, Version: r.head.version + 1, Ballot: *r.state.Accepted, Signature: own})
}

// forward takes the updates of this member's own users to the leader, no more
// at a time than it keeps of one member.
func (r *Replica) forward() {
	if r.isLeader() || r.state.Changing {
		return
	}
	for _, waits := range r.queue.unsent(r.self, PendingPerMemberMax) {
		r.send(r.Leader(), &Request{Update: waits.update, Again: r.queue.wasOrdered(waits.update)})
	}
}

// progress answers a member that may lack something.
func (r *Replica) progress(from int, m *Progress) {
	switch proof := r.head.proof; {
	case m.Version > r.head.version:
		if !r.behind() {
			r.fetchFrom = from
			r.ask(Fetch{Version: r.head.version + 1})
		}
	case proof != nil && (m.Version < r.head.version || proof.View >= m.View && m.View > 0):
		r.send(from, &Announce{Commit: *proof})
		fallthrough
	default:
		if r.beginning() {
			r.send(from, &Ready{Version: r.head.version})
		}
		r.tell(from)
	}
}

// fetch answers with what is here. Committed versions lie with the host.
func (r *Replica) fetch(from int, m *Fetch) {
	if m.Version <= r.head.version {
		if m.Version > r.begin.version {
			r.out.Serve = append(r.out.Serve, Serve{from, m.Version})
		}
		return
	}
	if p := r.known[m.Decision]; p != nil {
		r.send(from, &Data{Proposal: *p})
	}
}

// data takes a proposal that was asked for. What it names proves it: a
// certificate, or the choice of a view.
func (r *Replica) data(from int, m *Data) {
	id := m.Proposal.Decision.ID()
	if m.Proposal.check() != nil || m.Commit != nil && m.Commit.Decision.ID() != id {
		return
	}
	r.learn(m.Commit, from)
	if m.Proposal.Decision.Version != r.head.version+1 || r.over {
		return
	}
	wanted := r.decided != nil && r.decided.Decision.ID() == id || r.required != nil && r.required.ID() == id
	if wanted && r.known[id] == nil {
		r.know(&m.Proposal)
	}
}
