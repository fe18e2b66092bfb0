package bft

import "github.com/atollnet/atoll/internal/wire"

// Input is something that happened: Submit, Receive, Executed, Timeout or
// RoundTrips.
type Input interface{ input() }

// Submit is an update from a user of this member.
type Submit struct{ Update []byte }

// Receive is a message from another member, which the host has authenticated
// as its sender.
type Receive struct {
	From    int
	Message Message
}

// Executed is the answer to an Execute.
type Executed struct {
	Token    uint64
	Root     wire.NodeHash
	Outcomes [][]byte // one for each update, or, with NextRing, up to the one that made it
	// NextRing is the ring that orders from the next version on; nil: the same.
	// The update that makes it is the last of its version, whatever came with it.
	NextRing *RingCert
	Failed   bool // the host could not execute: nothing is known of the result
}

// Timeout says that a timer has run out.
type Timeout struct{ Token uint64 }

func (Submit) input()     {}
func (Receive) input()    {}
func (Executed) input()   {}
func (Timeout) input()    {}
func (RoundTrips) input() {}

// All is the Send.To of a message for every other member.
const All = -1

// Effects is what the host must do after a Step, in this order: write State,
// Store and Commit in one transaction, if Sync make durable it and all that was
// written before, and only then send, serve and answer. Execute and Timer may
// start at any time. If writing fails the host must drop the replica and make it
// again from what is saved; nothing has been said by then.
type Effects struct {
	// Sync says that something is promised: a vote, a view that is left, or what
	// nobody else holds. A commit alone is not: 2f+1 members have made durable
	// what leads to it again.
	Sync bool

	State  *State     // replaces what was saved; nil: it is unchanged
	Store  []Proposal // to be kept by decision, at least until their version commits
	Commit *Committed

	Send  []Send
	Serve []Serve

	// Gather asks for another Step soon, with inputs or without: the leader
	// proposes what waits only then.
	Gather bool

	Execute *Execute // replaces an earlier one that has not been answered
	Timer   *Timer   // replaces the earlier one

	Busy   []wire.Hash // submitted updates that found no room
	Left   [][]byte    // updates that wait on, this member's users' first: the next ring is to order them
	Failed []wire.Hash // submitted updates given up because the host could not execute them
	// Evidence shows that others have lied; to be kept, at any time.
	Evidence []Evidence
	Fault    error // this replica goes no further: ErrDiverged or ErrForked
}

// Send is a message to the member To, or to All.
type Send struct {
	To      int
	Message Message
}

// Serve asks the host to send a Data with a committed version, from its log.
type Serve struct {
	To      int
	Version wire.Version
}

// Execute asks for the result of a batch on top of the newest committed
// version. The host keeps the result until a Commit names its token, or until
// the next Execute.
type Execute struct {
	Token         uint64
	Parent        wire.Version
	Previous      wire.VersionID // of Parent; zero: version 0
	Root          wire.NodeHash  // of Parent
	Version       wire.Version
	TimeUnixMilli int64
	Updates       [][]byte
}

// Committed is a new version. Token names the execution that led to its state.
type Committed struct {
	Certificate Certificate
	Batch       Batch
	NextRing    *RingCert // that the decision names; nil: the same
	Token       uint64
}

// Timer asks for a Timeout with the token after a time; 0 stops the timer.
type Timer struct {
	Token      uint64
	AfterMilli uint32
}

// Step takes what has happened since and returns what to do. now is the host's
// clock, in milliseconds since 1970; no safety rests on it. Inputs that come
// together are best given together: one batch then takes all their updates.
func (r *Replica) Step(now int64, inputs ...Input) Effects {
	r.now, r.dirty, r.out = now, false, Effects{Fault: r.fault}
	if r.fault != nil {
		return r.out
	}
	if !r.started {
		r.start()
	}
	for _, in := range inputs {
		r.take(in)
	}
	r.advance()
	if r.mayGather() {
		r.out.Gather = true
	} else {
		r.propose()
	}
	r.forward()
	r.setTimer()
	if r.dirty {
		s := r.state
		r.out.State = &s
	}
	r.out.Sync = r.promises()
	return r.out
}

// promises reports whether the effects must be durable before anything is said.
func (r *Replica) promises() bool {
	switch c := r.out.Commit; {
	case r.out.State == nil && len(r.out.Store) == 0 && c == nil:
		return false
	case c == nil || c.NextRing != nil || len(r.ring.Members) == 1 || len(r.out.Store) > 0:
		return true
	}
	for _, s := range r.out.Send {
		switch s.Message.(type) {
		case *PrePrepare, *Vote, *ViewChange, *NewView:
			return true
		}
	}
	return false
}

// start takes up what a restart interrupted.
func (r *Replica) start() {
	r.started = true
	if r.over {
		return
	}
	if r.state.NewView != nil {
		commit, _ := choose(r.state.NewView.Changes, r.begin.version)
		r.learn(commit, r.self)
	}
	if r.waiting() {
		r.tellAll()
	} else if r.beginning() {
		r.send(All, &Progress{Version: r.head.version, View: r.state.View})
	}
}

func (r *Replica) take(in Input) {
	switch in := in.(type) {
	case Submit:
		r.submit(in.Update)
	case Receive:
		if in.From >= 0 && in.From < len(r.ring.Members) && in.From != r.self {
			r.receive(in.From, in.Message)
		}
	case Executed:
		r.executed(in)
	case Timeout:
		r.timeout(in.Token)
	case RoundTrips:
		r.measured(in)
	}
	r.advance()
}

func (r *Replica) receive(from int, m Message) {
	if r.over {
		r.late(from, m)
		return
	}
	r.ready[from] = true // only who holds the first version of the epoch has a replica
	switch m := m.(type) {
	case *Request:
		r.request(from, m)
	case *PrePrepare:
		r.prePrepare(from, m)
	case *Vote:
		r.vote(from, m)
	case *Suspect:
		r.suspect(from, m)
	case *ViewChange:
		r.viewChanged(from, m)
	case *NewView:
		r.newView(from, m)
	case *Progress:
		r.progress(from, m)
	case *Announce:
		r.learn(&m.Commit, from)
	case *Fetch:
		r.fetch(from, m)
	case *Data:
		r.data(from, m)
	}
}

func (r *Replica) send(to int, m Message) {
	if to != r.self && len(r.ring.Members) > 1 {
		r.out.Send = append(r.out.Send, Send{to, m})
	}
}

// submit queues an update of a user of this member.
func (r *Replica) submit(update []byte) {
	if r.over {
		r.out.Left = append(r.out.Left, update)
		return
	}
	if !r.queue.add(r.self, update, PendingMax) {
		r.out.Busy = append(r.out.Busy, RequestID(update))
	}
}

// request queues an update from another member. One that finds no room is
// dropped: its member sends it again for as long as it waits.
func (r *Replica) request(from int, m *Request) {
	if m.Again || !r.queue.wasOrdered(m.Update) {
		r.queue.add(from, m.Update, PendingPerMemberMax)
	}
}
