package bft

import (
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

// Errors of a replica.
var (
	// ErrConfig is returned for a replica that could never work.
	ErrConfig = errors.New("bad replica configuration")
	// ErrSaved is returned for a saved state that no replica has written.
	ErrSaved = errors.New("bad saved state")
	// ErrDiverged means that this member's executor and a certified decision
	// disagree: this member's state is damaged, or it runs another program.
	ErrDiverged = errors.New("a certified version executes to another state here")
	// ErrForked means that a certificate contradicts one held here: more than f
	// members have lied.
	ErrForked = errors.New("two certified histories")
)

// Config says what a replica is a member of. All fields but Verify and
// TimeoutMilli are required.
type Config struct {
	Ring   RingCert
	Self   int         // the index of this member
	Key    wire.Signer // the ring key of this member
	Verify Verifier    // nil: Ed25519
	// TimeoutMilli is how long waiting work may stand still before the leader is
	// suspected, or eight round trips if they are more, see RoundTrips; it doubles
	// with each view that fails, up to timeoutMilliMax. 0: timeoutMilliDefault.
	TimeoutMilli uint32
	// Gather lets a leader that has committed a version wait with the next
	// proposal for another Step, which the host calls when Effects.Gather says so:
	// a little later, so that users who were answered come along with those who
	// wait already.
	Gather bool
}

const (
	timeoutMilliDefault = 1000
	timeoutMilliMax     = 60_000
	// aheadMilliMax is how far a proposed time may lie ahead of both the parent's
	// and the own clock.
	aheadMilliMax = 10 * 60 * 1000
)

// State is what a member must not forget: it says what the member has signed.
// It is written whole, before any message of the same effects is sent.
type State struct {
	View     wire.View
	Changing bool         // a ViewChange for View is signed; nothing else is until its NewView
	Accepted *Ballot      // the last proposal prepared for the next version; its Proposal is stored
	Prepared *Certificate // of prepares: the highest for the next version
	NewView  *NewView     // why View may be worked in; nil in view 0 and once View has committed
}

// Saved is what a replica starts from.
type Saved struct {
	State
	Base      *Decision     // the version that this ring goes on from; nil: version 0
	Root      wire.NodeHash // of the newest committed version, or of Base
	Commit    *Certificate  // of that version, by this ring; nil: it is Base
	Proposals []Proposal    // that were stored for the version after it
}

// Replica is one member's part in ordering one object. It is not safe for
// concurrent use. Its host calls Step and carries out the effects in order.
type Replica struct {
	ring   RingCert
	ringID wire.RingCertID
	first  int // the leader of view 0
	self   int
	key    wire.Signer
	verify Verifier
	base   uint32 // milliseconds, see Config.TimeoutMilli
	// quorumMilli is the round trip to the farthest of the nearest members that
	// make a quorum; 0: it is not known.
	quorumMilli uint32
	gather      bool // see Config.Gather

	begin committed // the version that this epoch begins with
	ready []bool    // by member: it is known to hold that version

	// Durable, as of the effects of the last Step.
	state State
	head  committed
	over  bool // head names the ring that orders from here on; this one signs no more

	// About the version after head.
	known    map[wire.VersionID]*Proposal
	current  *Proposal               // prepared by this member in this view
	offered  *PrePrepare             // being executed so as to be prepared
	required *Decision               // the one that this view must begin with
	decided  *Certificate            // it is certified, and not yet executed
	stored   map[wire.VersionID]bool // of known
	run      execution
	votes    *tally
	shown    uint16 // members that were shown current, as they vote for something else

	// About what comes after that.
	later     *tally       // votes on the version after next
	held      *PrePrepare  // of the version after next, or of a later view
	target    wire.Version // the newest that is known to be certified
	fetchFrom int          // the member that is asked for what lacks
	asked     Fetch        // and has been, since the timer last ran out

	// About views.
	suspected bool          // this member suspects the leader of View
	insists   bool          // and is alone in that: the others may have ordered before it came what it waits for
	suspects  []wire.View   // by member: 1 + the highest view it suspects
	changes   []*ViewChange // by member: the newest for View or a later one
	failed    uint          // views since the last commit

	queue   *queue
	watched wire.Hash // the request that the timer runs for
	timer   timer
	started bool
	fault   error
	accused uint16 // members of whose lies there is evidence

	// Of the Step under way.
	now   int64
	dirty bool
	out   Effects
}

// committed is the newest version that this member has.
type committed struct {
	version wire.Version
	id      wire.VersionID
	root    wire.NodeHash
	time    int64
	proof   *Certificate // by this ring; nil: the epoch begins with it
}

// New returns a replica that goes on from a saved state; the zero State and the
// genesis root start a new one. The first Step, with or without inputs, takes
// up unfinished work.
func New(c Config, s Saved) (*Replica, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	n := len(c.Ring.Members)
	r := &Replica{
		ring: c.Ring, ringID: c.Ring.ID(), first: c.Ring.Leader(0), self: c.Self, key: c.Key, verify: c.Verify, base: c.TimeoutMilli, gather: c.Gather,
		state: s.State, ready: make([]bool, n),
		known: make(map[wire.VersionID]*Proposal), stored: make(map[wire.VersionID]bool),
		votes: newTally(n), later: newTally(n),
		suspects: make([]wire.View, n), changes: make([]*ViewChange, n),
		queue: newQueue(n), fetchFrom: c.Self,
	}
	if r.verify == nil {
		r.verify = Ed25519
	}
	if r.base == 0 {
		r.base = timeoutMilliDefault
	}
	return r, r.restore(s)
}

func (c Config) check() error {
	if err := checkMembers(c.Ring.Members); err != nil {
		return fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if c.Self < 0 || c.Self >= len(c.Ring.Members) || c.Key == nil || c.Key.Public() != c.Ring.Members[c.Self].Key {
		return fmt.Errorf("%w: not the key of member %d", ErrConfig, c.Self)
	}
	return nil
}

// restore puts back what follows from the saved state: this member's own votes
// are the same again, since signatures are.
func (r *Replica) restore(s Saved) error {
	if err := r.restoreHead(s); err != nil || r.over {
		return err
	}
	for i := range s.Proposals {
		if p := &s.Proposals[i]; p.Decision.Version == r.head.version+1 {
			r.know(p)
			r.stored[p.Decision.ID()] = true
		}
	}
	if r.state.Changing {
		r.changes[r.self] = r.viewChange()
		return nil
	}
	if r.state.NewView != nil {
		_, r.required = choose(r.state.NewView.Changes, r.begin.version)
	}
	return r.restoreVotes()
}

func (r *Replica) restoreHead(s Saved) error {
	r.begin = committed{root: s.Root}
	if d := s.Base; d != nil {
		r.begin = committed{d.Version, d.ID(), d.State, d.TimeUnixMilli, nil}
	}
	r.head, r.ready[r.self] = r.begin, true
	if c := s.Commit; c != nil {
		if err := c.verify(Commit, r.ring, stored); err != nil {
			return fmt.Errorf("%w: %w", ErrSaved, err)
		}
		d := c.Decision
		r.head = committed{d.Version, d.ID(), d.State, d.TimeUnixMilli, c}
		r.over = d.NextRing != wire.RingCertID{}
	}
	if r.head.root != s.Root || s.Commit != nil && r.head.version <= r.begin.version {
		return fmt.Errorf("%w: version %d after %d with the state %v", ErrSaved, r.head.version, r.begin.version, s.Root)
	}
	return nil
}

func (r *Replica) restoreVotes() error {
	a := r.state.Accepted
	if a == nil || a.View != r.state.View {
		return nil
	}
	r.current = r.known[a.Decision]
	if r.current == nil {
		return fmt.Errorf("%w: the proposal that was prepared is gone", ErrSaved)
	}
	r.castOwn(Prepare, *a)
	if p := r.state.Prepared; p != nil && p.View == r.state.View {
		r.castOwn(Commit, *a)
	}
	return nil
}

// Object returns the object that the replica orders.
func (r *Replica) Object() wire.ObjectID { return r.ring.Object }

// Version returns the newest committed version.
func (r *Replica) Version() wire.Version { return r.head.version }

// View returns the present view, and whether it has begun.
func (r *Replica) View() (view wire.View, active bool) { return r.state.View, !r.state.Changing }

// Leader returns the index of the present leader.
func (r *Replica) Leader() int { return r.leader(r.state.View) }

// Over reports whether the newest version names another ring: this one signs
// nothing more, and serves those who lag.
func (r *Replica) Over() bool { return r.over }

// Idle reports whether nothing waits: the replica can be dropped and made again
// from what is saved.
func (r *Replica) Idle() bool { return r.over || !r.waiting() && !r.run.active() }

func (r *Replica) leader(v wire.View) int { return r.ring.rotate(r.first, v) }

func (r *Replica) isLeader() bool { return r.Leader() == r.self }

func (r *Replica) castOwn(k Kind, b Ballot) wire.Signature {
	s := SignVote(r.key, k, b)
	r.votes.put(k, r.self, b, s, true)
	return s
}
