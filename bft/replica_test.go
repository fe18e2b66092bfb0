package bft

import (
	"errors"
	"fmt"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

const testNow = 1_000_000

// bench is one replica of a ring of four under test; the other members are
// played by the test.
type bench struct {
	t    *testing.T
	ring RingCert
	self int
	*Replica
	found *[]Evidence // if not nil, all that effects have held
}

func newBench(t *testing.T, self int) *bench {
	t.Helper()
	ring := genesisOf(4).Body.Ring()
	r, err := New(Config{Ring: ring, Self: self, Key: ringKey(1, self)}, Saved{Root: wire.NodeHash{'0'}})
	if err != nil {
		t.Fatal(err)
	}
	return &bench{t: t, ring: ring, self: self, Replica: r}
}

// result is what every member's executor gives for a batch.
func result(updates [][]byte) (root wire.NodeHash, outcomes [][]byte) {
	for range updates {
		outcomes = append(outcomes, []byte{1})
	}
	return wire.NodeHash(wire.Derive(wire.ContextNode, updates...)), outcomes
}

// step takes inputs, and executes at once. It returns all effects together.
func (b *bench) step(inputs ...Input) (all Effects) {
	for {
		e := b.Step(testNow, inputs...)
		if b.found != nil {
			*b.found = append(*b.found, e.Evidence...)
		}
		all.Send, all.Store = append(all.Send, e.Send...), append(all.Store, e.Store...)
		all.Serve, all.Busy, all.Failed = append(all.Serve, e.Serve...), append(all.Busy, e.Busy...), append(all.Failed, e.Failed...)
		if e.Commit != nil {
			all.Commit = e.Commit
		}
		if e.State != nil {
			all.State = e.State
		}
		if e.Timer != nil {
			all.Timer = e.Timer
		}
		if all.Fault = e.Fault; e.Execute == nil {
			return all
		}
		root, outcomes := result(e.Execute.Updates)
		inputs = []Input{Executed{Token: e.Execute.Token, Root: root, Outcomes: outcomes}}
	}
}

func (b *bench) receive(from int, m Message) Effects { return b.step(Receive{from, m}) }

// propose returns a proposal on top of what the replica has.
func (b *bench) propose(updates ...string) Proposal {
	var p Proposal
	for _, u := range updates {
		p.Batch.Updates = append(p.Batch.Updates, []byte(u))
	}
	var root wire.NodeHash
	root, p.Batch.Outcomes = result(p.Batch.Updates)
	p.Decision = Decision{
		Object: b.ring.Object, Epoch: 1, Ring: b.ring.ID(), Version: b.head.version + 1, Previous: b.head.id,
		State: root, Outcomes: p.Batch.Digest(), TimeUnixMilli: testNow,
	}
	return p
}

// prePrepare returns a leader's proposal in a view.
func (b *bench) prePrepare(view wire.View, p Proposal) *PrePrepare {
	leader := b.ring.Leader(view)
	s := SignVote(ringKey(1, leader), Prepare, Ballot{View: view, Decision: p.Decision.ID()})
	return &PrePrepare{View: view, Proposal: p, Parent: b.head.proof, Signature: s}
}

func (b *bench) vote(member int, k Kind, view wire.View, d Decision) *Vote {
	ballot := Ballot{View: view, Decision: d.ID()}
	return &Vote{Kind: k, Version: d.Version, Ballot: ballot, Signature: SignVote(ringKey(1, member), k, ballot)}
}

func (b *bench) change(member int, view wire.View, commit, prepared *Certificate) ViewChange {
	m := ViewChange{Member: uint8(member), View: view, Commit: commit, Prepared: prepared}
	SignViewChange(ringKey(1, member), &m, b.ring.ID())
	return m
}

// others returns the members beside the replica and, last, the leader.
func (b *bench) others(view wire.View) (all []int) {
	for i := range 4 {
		if i != b.self && i != b.ring.Leader(view) {
			all = append(all, i)
		}
	}
	return append(all, b.ring.Leader(view))
}

// follower returns a bench whose replica does not lead view 0.
func follower(t *testing.T) (b *bench, leader int) {
	t.Helper()
	leader = genesisOf(4).Body.Ring().Leader(0)
	return newBench(t, (leader+2)%4), leader
}

func said[T Message](e Effects) (found []T) {
	for _, s := range e.Send {
		if m, ok := s.Message.(T); ok {
			found = append(found, m)
		}
	}
	return found
}

func TestFollowerVotes(t *testing.T) {
	b, leader := follower(t)
	p := b.propose("x")
	e := b.receive(leader, b.prePrepare(0, p))
	if votes := said[*Vote](e); len(votes) != 1 || votes[0].Kind != Prepare || len(e.Store) != 1 || e.State == nil || e.State.Accepted == nil {
		t.Fatalf("on a proposal: %+v", e)
	}
	others := b.others(0)
	e = b.receive(others[0], b.vote(others[0], Prepare, 0, p.Decision))
	if votes := said[*Vote](e); len(votes) != 1 || votes[0].Kind != Commit || e.State == nil || e.State.Prepared == nil {
		t.Fatalf("on a third prepare: %+v", e)
	}
	if err := e.State.Prepared.Verify(Prepare, b.ring); err != nil {
		t.Error(err)
	}
	b.receive(others[0], b.vote(others[0], Commit, 0, p.Decision))
	e = b.receive(leader, b.vote(leader, Commit, 0, p.Decision))
	if e.Commit == nil || e.Commit.Certificate.Verify(Commit, b.ring) != nil || !b.Idle() {
		t.Fatalf("on a third commit: %+v", e)
	}
}

// What no honest leader proposes gets no vote.
func TestProposalRefused(t *testing.T) {
	for name, spoil := range map[string]func(*bench, *PrePrepare) (from int){
		"not from the leader": func(b *bench, m *PrePrepare) int { return b.others(0)[0] },
		"unsigned":            func(b *bench, m *PrePrepare) int { m.Signature = wire.Signature{}; return b.Leader() },
		"signed for a commit": func(b *bench, m *PrePrepare) int {
			m.Signature = SignVote(ringKey(1, b.Leader()), Commit, Ballot{Decision: m.Proposal.Decision.ID()})
			return b.Leader()
		},
		"other view":        func(b *bench, m *PrePrepare) int { m.View = 4; return b.Leader() },
		"other object":      sealed(func(d *Decision) { d.Object[0]++ }),
		"other epoch":       sealed(func(d *Decision) { d.Epoch++ }),
		"other ring":        sealed(func(d *Decision) { d.Ring[0]++ }),
		"a next ring":       sealed(func(d *Decision) { d.NextRing[0]++ }),
		"an older version":  sealed(func(d *Decision) { d.Version = 0 }),
		"other history":     sealed(func(d *Decision) { d.Previous[0]++ }),
		"wrong state":       sealed(func(d *Decision) { d.State[0]++ }),
		"before its parent": sealed(func(d *Decision) { d.TimeUnixMilli = -1 }),
		"from the future":   sealed(func(d *Decision) { d.TimeUnixMilli = testNow + aheadMilliMax + 1 }),
		"other outcomes":    sealed(func(d *Decision) { d.Outcomes[0]++ }),
		"outcomes made up": func(b *bench, m *PrePrepare) int {
			m.Proposal.Batch.Outcomes = [][]byte{{9}}
			m.Proposal.Decision.Outcomes = m.Proposal.Batch.Digest()
			*m = *b.prePrepare(0, m.Proposal)
			return b.Leader()
		},
		"an empty batch": func(b *bench, m *PrePrepare) int {
			m.Proposal.Batch = Batch{}
			m.Proposal.Decision.Outcomes = Batch{}.Digest()
			*m = *b.prePrepare(0, m.Proposal)
			return b.Leader()
		},
	} {
		b, _ := follower(t)
		m := b.prePrepare(0, b.propose("x"))
		from := spoil(b, m)
		if e := b.receive(from, m); len(said[*Vote](e)) > 0 || e.State != nil || len(e.Store) > 0 {
			t.Errorf("%s: %+v", name, e)
		}
		// And it does no harm: an honest proposal gets its vote.
		if name == "not from the leader" || name == "other view" || name == "unsigned" {
			if e := b.receive(b.Leader(), b.prePrepare(0, b.propose("y"))); len(said[*Vote](e)) != 1 {
				t.Errorf("after %s: %+v", name, e)
			}
		}
	}
}

// sealed spoils the decision and signs it as the leader.
func sealed(spoil func(*Decision)) func(*bench, *PrePrepare) int {
	return func(b *bench, m *PrePrepare) int {
		spoil(&m.Proposal.Decision)
		*m = *b.prePrepare(0, m.Proposal)
		return b.Leader()
	}
}

// A leader that proposes twice gets one vote.
func TestEquivocation(t *testing.T) {
	b, leader := follower(t)
	first := b.propose("x")
	b.receive(leader, b.prePrepare(0, first))
	e := b.receive(leader, b.prePrepare(0, b.propose("y")))
	if len(e.Send) > 0 || len(e.Store) > 0 || e.State != nil {
		t.Errorf("a second proposal: %+v", e)
	}
	// The first again is answered with the same vote.
	if e := b.receive(leader, b.prePrepare(0, first)); len(said[*Vote](e)) != 1 || said[*Vote](e)[0].Ballot.Decision != first.Decision.ID() {
		t.Errorf("the first again: %+v", e)
	}
	// After a restart too.
	s := b.state
	r, err := New(Config{Ring: b.ring, Self: b.self, Key: ringKey(1, b.self)}, Saved{State: s, Root: b.head.root, Proposals: []Proposal{first}})
	if err != nil {
		t.Fatal(err)
	}
	b.Replica = r
	if e := b.receive(leader, b.prePrepare(0, b.propose("z"))); len(e.Store) > 0 || e.State != nil {
		t.Errorf("another after a restart: %+v", e)
	}
}

// Votes that are forged, repeated, of other versions or kinds never add up.
func TestVotesThatDoNotCount(t *testing.T) {
	b, leader := follower(t)
	p := b.propose("x")
	b.receive(leader, b.prePrepare(0, p))
	one, two := b.others(0)[0], b.others(0)[1]
	forged := b.vote(one, Prepare, 0, p.Decision)
	forged.Signature[0]++
	foreign := b.vote(two, Prepare, 0, p.Decision) // another member's, passed off as its own
	commit := b.vote(one, Commit, 0, p.Decision)
	commit.Kind = Prepare
	later := b.vote(one, Prepare, 1, p.Decision)
	past := b.vote(one, Prepare, 0, p.Decision)
	past.Version = 0
	for i, m := range []*Vote{forged, foreign, commit, later, past} {
		if e := b.receive(one, m); len(said[*Vote](e)) > 0 {
			t.Errorf("vote %d counts", i)
		}
	}
	for range 3 {
		if e := b.receive(leader, b.vote(leader, Prepare, 0, p.Decision)); len(said[*Vote](e)) > 0 {
			t.Error("one member counts twice")
		}
	}
	b.receive(9, forged)
	b.receive(-5, forged)
	b.receive(b.self, b.vote(b.self, Commit, 0, p.Decision))
	// A vote of a later view takes the place of the true one, as it would
	// supersede it: its sender has only harmed itself.
	if e := b.receive(two, b.vote(two, Prepare, 0, p.Decision)); len(said[*Vote](e)) > 1 {
		t.Errorf("%+v", e)
	}
}

// What f members claim about views changes nothing.
func TestViewChangeRefused(t *testing.T) {
	b, leader := follower(t)
	one, two := b.others(0)[0], b.others(0)[1]
	p := b.propose("x")
	prepared := sign(b.ring, Prepare, p.Decision, 0, 0, 1, 2)
	few := sign(b.ring, Prepare, p.Decision, 0, 0, 1)
	committed := sign(b.ring, Commit, p.Decision, 0, 0, 1, 2)
	good := func(i int) ViewChange { return b.change(i, 1, nil, nil) }
	next := b.ring.Leader(1)
	for name, changes := range map[string][]ViewChange{
		"f+1":                  {good(one), good(two)},
		"one member twice":     {good(one), good(two), good(two)},
		"an unsigned one":      {good(one), good(two), {Member: uint8(leader), View: 1}},
		"another view's":       {good(one), good(two), b.change(leader, 2, nil, nil)},
		"a foreign member's":   {good(one), good(two), {Member: 9, View: 1}},
		"prepared by f+1":      {good(one), good(two), b.change(leader, 1, nil, &few)},
		"prepared is commits":  {good(one), good(two), b.change(leader, 1, nil, &committed)},
		"prepared too far":     {good(one), good(two), b.change(leader, 1, &committed, &prepared)},
		"commits are prepares": {good(one), good(two), b.change(leader, 1, &prepared, nil)},
		"none":                 nil,
	} {
		if e := b.receive(next, &NewView{View: 1, Changes: changes}); e.State != nil {
			t.Errorf("%s: view %d", name, b.state.View)
		}
	}
	three := []ViewChange{good(one), good(two), good(leader)}
	if e := b.receive((next+1)%4, &NewView{View: 1, Changes: three}); e.State != nil {
		t.Error("a new view by another than its leader")
	}
	// One member alone moves nobody, however often it says so.
	for view := wire.View(1); view < 5; view++ {
		m := b.change(one, view, nil, nil)
		b.receive(one, &m)
		b.receive(one, &Suspect{View: view})
	}
	b.receive(one, &Suspect{View: ^wire.View(0)})
	if b.state.View != 0 || b.state.Changing {
		t.Errorf("one member leads to view %d", b.state.View)
	}
	if b.receive(next, &NewView{View: 1, Changes: three}); b.state.View != 1 || b.state.Changing {
		t.Errorf("a good one leads to view %d", b.state.View)
	}
}

// A new view begins with what was prepared in the highest view, and followers
// insist on it.
func TestNewViewChoice(t *testing.T) {
	b, leader := follower(t)
	one, two := b.others(0)[0], b.others(0)[1]
	older, newer := b.propose("older"), b.propose("newer")
	inView0 := sign(b.ring, Prepare, older.Decision, 0, 0, 1, 2)
	inView1 := sign(b.ring, Prepare, newer.Decision, 1, 1, 2, 3)
	view := wire.View(2)
	for b.ring.Leader(view) == b.self {
		view++
	}
	changes := []ViewChange{b.change(one, view, nil, &inView0), b.change(two, view, nil, &inView1), b.change(leader, view, nil, nil)}
	b.receive(b.ring.Leader(view), &NewView{View: view, Changes: changes})
	for _, wrong := range []Proposal{older, b.propose("another")} {
		if e := b.receive(b.Leader(), b.prePrepare(view, wrong)); len(said[*Vote](e)) > 0 {
			t.Errorf("voted for %q", wrong.Batch.Updates)
		}
	}
	if e := b.receive(b.Leader(), b.prePrepare(view, newer)); len(said[*Vote](e)) != 1 {
		t.Errorf("no vote for what must be: %+v", e)
	}
}

// Waiting updates are bounded for each member, and none crowds out another.
func TestQueueBounds(t *testing.T) {
	q := newQueue(4)
	for i := range PendingMax + 10 {
		if got := q.add(0, fmt.Append(nil, "own ", i), PendingMax); got != (i < PendingMax) {
			t.Fatalf("own update %d: %v", i, got)
		}
	}
	for i := range PendingPerMemberMax + 10 {
		if got := q.add(1, fmt.Append(nil, "of 1 ", i), PendingPerMemberMax); got != (i < PendingPerMemberMax) {
			t.Fatalf("update %d of member 1: %v", i, got)
		}
	}
	q.add(2, []byte("the only one of 2"), PendingPerMemberMax)
	batch := q.batch()
	if len(batch) != wire.BatchUpdatesMax {
		t.Errorf("a batch of %d", len(batch))
	}
	found := false
	for _, u := range batch {
		found = found || string(u) == "the only one of 2"
	}
	if !found {
		t.Error("a flood crowds out the only update of member 2")
	}
	q.remove(requestIDs(batch))
	q.remember(requestIDs(batch))
	if !q.wasOrdered(batch[0]) || q.waits(RequestID(batch[0])) {
		t.Error("an ordered update is not remembered")
	}
	for i := range 2 * recentMax {
		q.remember([]wire.Hash{{byte(i), byte(i >> 8)}})
	}
	if len(q.ordered) != recentMax || len(q.recent) != recentMax || q.wasOrdered(batch[0]) {
		t.Errorf("%d updates remembered", len(q.ordered))
	}
}

// A replica's bound is an effect, not an error of the machine.
func TestBusy(t *testing.T) {
	b, _ := follower(t)
	var inputs []Input
	for i := range PendingMax + 3 {
		inputs = append(inputs, Submit{fmt.Append(nil, i)})
	}
	e := b.step(inputs...)
	if len(e.Busy) != 3 || len(said[*Request](e)) != PendingPerMemberMax || e.Timer == nil {
		t.Errorf("%d busy, %d forwarded", len(e.Busy), len(said[*Request](e)))
	}
}

func TestNewRefuses(t *testing.T) {
	b, leader := follower(t)
	good := Config{Ring: b.ring, Self: 1, Key: ringKey(1, 1)}
	for name, c := range map[string]Config{
		"no member":    {Ring: b.ring, Self: 4, Key: ringKey(1, 1)},
		"other key":    {Ring: b.ring, Self: 1, Key: ringKey(1, 2)},
		"no key":       {Ring: b.ring, Self: 1},
		"no such ring": {Ring: RingCert{Members: b.ring.Members[:2]}, Self: 1, Key: ringKey(1, 1)},
	} {
		if _, err := New(c, Saved{}); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := b.propose("x")
	c := sign(b.ring, Commit, p.Decision, 0, 0, 1, 2)
	few := sign(b.ring, Commit, p.Decision, 0, 0, 1)
	for name, s := range map[string]Saved{
		"a certificate of f+1": {Commit: &few, Root: p.Decision.State},
		"other state":          {Commit: &c, Root: wire.NodeHash{1}},
		"a proposal gone":      {State: State{Accepted: &Ballot{Decision: p.Decision.ID()}}},
	} {
		if _, err := New(good, s); !errors.Is(err, ErrSaved) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_ = leader
}

// A certificate against our own history stops the replica: more than f members
// have lied, and going on would only spread it.
func TestForkStops(t *testing.T) {
	b, leader := follower(t)
	p := b.propose("x")
	ours := sign(b.ring, Commit, p.Decision, 0, 0, 1, 2)
	if e := b.receive(leader, &Data{Proposal: p, Commit: &ours}); e.Commit == nil {
		t.Fatalf("a certified version is not taken: %+v", e)
	}
	other := p.Decision
	other.State[0]++
	theirs := sign(b.ring, Commit, other, 1, 1, 2, 3)
	if e := b.receive(leader, &Announce{Commit: theirs}); !errors.Is(e.Fault, ErrForked) {
		t.Errorf("a fork: %v", e.Fault)
	}
	if e := b.step(Submit{[]byte("y")}); !errors.Is(e.Fault, ErrForked) || len(e.Send) > 0 {
		t.Errorf("after a fork: %+v", e)
	}
}
