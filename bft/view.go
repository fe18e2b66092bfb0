package bft

import (
	"errors"
	"slices"

	"github.com/atollnet/atoll/internal/wire"
)

// TagViewChange is the kind of statement that a ViewChange is.
const TagViewChange wire.Tag = "atoll/v1/view-change"

var errViewChange = errors.New("bad view change")

// suspectLeader notes that this member has waited too long.
func (r *Replica) suspectLeader() {
	r.suspected = true
	r.noteSuspect(r.self, r.state.View)
}

func (r *Replica) noteSuspect(member int, v wire.View) {
	if v < ^wire.View(0) {
		r.suspects[member] = max(r.suspects[member], v+1)
	}
}

// suspect counts. f+1 members that suspect hold an honest one, which suffices
// to join in; 2f+1 that do are enough for a new view to begin, and only then
// does this member leave the old one: a member alone that is cut off for a
// while keeps its voice in the old view.
func (r *Replica) suspect(from int, m *Suspect) {
	r.noteSuspect(from, m.View)
	r.countSuspects()
}

func (r *Replica) countSuspects() {
	views := slices.Clone(r.suspects)
	slices.Sort(views)
	slices.Reverse(views)
	if views[r.ring.Faults()] > r.state.View && !r.suspected {
		r.suspectLeader()
		r.send(All, &Suspect{View: r.state.View})
		r.countSuspects()
		return
	}
	if v := views[r.ring.Quorum()-1]; v > r.state.View {
		r.changeTo(v)
	}
}

// changeTo leaves the present view for good: nothing is signed in it, or in any
// before v, from here on.
func (r *Replica) changeTo(v wire.View) {
	r.failed++
	r.state.View, r.state.Changing, r.state.NewView, r.dirty = v, true, nil, true
	r.current, r.offered, r.required, r.shown = nil, nil, nil, 0
	r.content()
	r.changes[r.self] = r.viewChange()
	r.send(All, r.changes[r.self])
	r.beginView()
}

// enter goes to work in a view.
func (r *Replica) enter(v wire.View) {
	r.state.View, r.state.Changing, r.state.NewView, r.dirty = v, false, nil, true
	r.current, r.offered, r.required, r.shown = nil, nil, nil, 0
	r.content()
	r.queue.forget(r.self)
}

// viewChange says what this member has signed. The same state gives the same
// statement.
func (r *Replica) viewChange() *ViewChange {
	m := &ViewChange{Member: uint8(r.self), View: r.state.View, Commit: r.head.proof, Prepared: r.state.Prepared}
	SignViewChange(r.key, m, r.ringID)
	return m
}

// SignViewChange signs a ViewChange as the member of a ring.
func SignViewChange(member wire.Signer, m *ViewChange, ring wire.RingCertID) {
	m.Signature = member.Sign(TagViewChange, m.statement(ring))
}

// changed is what the signature of a ViewChange is over. The ring's name ties
// it to object and epoch.
type changed struct {
	_        struct{} `cbor:",toarray"`
	Ring     wire.RingCertID
	Member   uint8
	View     wire.View
	Commit   *Certificate
	Prepared *Certificate
}

func (m *ViewChange) statement(ring wire.RingCertID) []byte {
	return wire.Marshal(changed{Ring: ring, Member: m.Member, View: m.View, Commit: m.Commit, Prepared: m.Prepared})
}

// verifyChange checks a ViewChange and the certificates in it.
func (r *Replica) verifyChange(m *ViewChange) error {
	if int(m.Member) >= len(r.ring.Members) || m.View == 0 {
		return errViewChange
	}
	if err := r.verify(r.ring.Members[m.Member].Key, TagViewChange, m.statement(r.ringID), m.Signature); err != nil {
		return err
	}
	version, id := r.begin.version, r.begin.id
	if m.Commit != nil {
		if err := m.Commit.verify(Commit, r.ring, r.verify); err != nil {
			return err
		}
		version, id = m.Commit.Decision.Version, m.Commit.Decision.ID()
	}
	if p := m.Prepared; p != nil {
		if p.View >= m.View || p.Decision.Version != version+1 || p.Decision.Previous != id {
			return errViewChange
		}
		return p.verify(Prepare, r.ring, r.verify)
	}
	return nil
}

// viewChanged takes a member's ViewChange, one per member. f+1 members in later
// views hold an honest one, so this member follows, to the lowest of them.
func (r *Replica) viewChanged(from int, m *ViewChange) {
	if int(m.Member) != from || m.View < r.state.View {
		return
	}
	if m.View == r.state.View && !r.state.Changing {
		r.tell(from) // it has not heard that the view has begun
		return
	}
	if !newer(m, r.changes[from]) || r.verifyChange(m) != nil {
		return
	}
	r.changes[from] = m
	r.learn(m.Commit, from)
	if v, enough := r.followed(); enough && !r.over {
		r.changeTo(v)
		return
	}
	r.beginView()
}

// newer reports whether a member's ViewChange replaces the one before: one of a
// later view, or of the same when the member has committed more since.
func newer(m, old *ViewChange) bool {
	return old == nil || m.View > old.View || m.View == old.View && m.version() > old.version()
}

func (m *ViewChange) version() wire.Version {
	if m.Commit == nil {
		return 0
	}
	return m.Commit.Decision.Version
}

// followed returns the lowest of the later views, if f+1 members are in them.
func (r *Replica) followed() (lowest wire.View, enough bool) {
	count := 0
	for _, m := range r.changes {
		if m == nil || m.View <= r.state.View {
			continue
		}
		if count == 0 || m.View < lowest {
			lowest = m.View
		}
		count++
	}
	return lowest, count > r.ring.Faults()
}

// beginView begins the view that this member leads, once 2f+1 have come to it.
func (r *Replica) beginView() {
	if !r.state.Changing || !r.isLeader() || r.over {
		return
	}
	m := &NewView{View: r.state.View}
	for _, c := range r.changes {
		if c != nil && c.View == r.state.View && len(m.Changes) < r.ring.Quorum() {
			m.Changes = append(m.Changes, *c)
		}
	}
	if len(m.Changes) == r.ring.Quorum() {
		r.send(All, m)
		r.enterNew(m, r.self)
	}
}

// newView takes the leader's proof that a view has begun.
func (r *Replica) newView(from int, m *NewView) {
	later := m.View > r.state.View || m.View == r.state.View && r.state.Changing
	if !later || from != r.leader(m.View) || len(m.Changes) < r.ring.Quorum() {
		return
	}
	var seen uint16
	for i := range m.Changes {
		c := &m.Changes[i]
		if c.View != m.View || r.verifyChange(c) != nil || seen&(1<<c.Member) != 0 {
			return
		}
		seen |= 1 << c.Member
	}
	r.enterNew(m, from)
}

func (r *Replica) enterNew(m *NewView, from int) {
	commit, must := choose(m.Changes, r.begin.version)
	r.enter(m.View)
	r.state.NewView, r.required = m, must
	r.learn(commit, from)
	r.advance()
	r.takeHeld()
}

// choose returns the newest commit certificate of a view's changes, and the
// decision that the view must begin with: of those prepared for the version
// after it the one of the highest view. If there is none, no decision on that
// version can have been made, and the leader may choose freely. begin is the
// version that the epoch begins with, of which the ring has no certificate.
func choose(changes []ViewChange, begin wire.Version) (commit *Certificate, must *Decision) {
	version := begin
	for _, c := range changes {
		if v := c.version(); v > version {
			version, commit = v, c.Commit
		}
	}
	var view wire.View
	for _, c := range changes {
		if p := c.Prepared; p != nil && p.Decision.Version == version+1 && (must == nil || p.View > view) {
			must, view = &p.Decision, p.View
		}
	}
	return commit, must
}
