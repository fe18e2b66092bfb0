package bft

import (
	"bytes"
	"errors"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

// castOf is a member's vote with its decision.
func castOf(member int, k Kind, view wire.View, d Decision) Cast {
	return Cast{Member: uint8(member), Kind: k, View: view, Decision: d,
		Signature: SignVote(ringKey(int(d.Epoch), member), k, Ballot{View: view, Decision: d.ID()})}
}

// two returns two decisions of a ring on one version.
func two(r RingCert) (a, b Decision) {
	a = decisionOf(r, 2, wire.VersionID{9})
	b = a
	b.State[0]++
	return a, b
}

func TestEvidence(t *testing.T) {
	r := genesisOf(4).Body.Ring()
	a, b := two(r)
	third := decisionOf(r, 3, wire.VersionID{9})
	foreign, alien := a, b
	foreign.Ring, alien.Ring = wire.RingCertID{1}, wire.RingCertID{1}
	unsigned := castOf(1, Commit, 0, b)
	unsigned.Signature[0]++
	nobody := castOf(4, Prepare, 0, b)
	for name, c := range map[string]struct {
		e    Evidence
		want Guilty // zero: it shows nothing
	}{
		"two prepares":               {VoteEvidence(r, castOf(1, Prepare, 0, a), castOf(1, Prepare, 0, b)), Guilty{Members: 1 << 1}},
		"a prepare and a commit":     {VoteEvidence(r, castOf(2, Prepare, 5, a), castOf(2, Commit, 5, b)), Guilty{Members: 1 << 2}},
		"in two views":               {VoteEvidence(r, castOf(1, Prepare, 0, a), castOf(1, Prepare, 1, b)), Guilty{}},
		"of two members":             {VoteEvidence(r, castOf(1, Prepare, 0, a), castOf(2, Prepare, 0, b)), Guilty{}},
		"the same twice":             {VoteEvidence(r, castOf(1, Prepare, 0, a), castOf(1, Commit, 0, a)), Guilty{}},
		"on two versions":            {VoteEvidence(r, castOf(1, Prepare, 0, a), castOf(1, Prepare, 0, third)), Guilty{}},
		"of another ring":            {VoteEvidence(r, castOf(1, Prepare, 0, foreign), castOf(1, Prepare, 0, alien)), Guilty{}},
		"not signed":                 {VoteEvidence(r, castOf(1, Prepare, 0, a), unsigned), Guilty{}},
		"of nobody":                  {VoteEvidence(r, nobody, nobody), Guilty{}},
		"nothing":                    {Evidence{Format: evidenceFormat, Ring: r}, Guilty{}},
		"a fork in one view":         {ForkEvidence(r, sign(r, Commit, a, 3, 0, 1, 2), sign(r, Commit, b, 3, 1, 2, 3)), Guilty{Members: 1<<1 | 1<<2, Forked: true}},
		"a fork in two views":        {ForkEvidence(r, sign(r, Commit, a, 3, 0, 1, 2), sign(r, Commit, b, 4, 1, 2, 3)), Guilty{Forked: true}},
		"one decision certified":     {ForkEvidence(r, sign(r, Commit, a, 3, 0, 1, 2), sign(r, Commit, a, 4, 1, 2, 3)), Guilty{}},
		"a certificate of prepares":  {ForkEvidence(r, sign(r, Commit, a, 3, 0, 1, 2), sign(r, Prepare, b, 3, 1, 2, 3)), Guilty{}},
		"a certificate of too few":   {ForkEvidence(r, sign(r, Commit, a, 3, 0, 1, 2), sign(r, Commit, b, 3, 1, 2)), Guilty{}},
		"members that cannot be one": {VoteEvidence(RingCert{Object: r.Object, Epoch: 1}, castOf(1, Prepare, 0, a), castOf(1, Prepare, 0, b)), Guilty{}},
	} {
		e, err := ParseEvidence(c.e.Encode())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := e.Verify()
		if got != c.want || (err == nil) != (c.want != Guilty{}) || err != nil && !errors.Is(err, ErrEvidence) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.want)
		}
	}
}

// The largest ring's evidence fits.
func TestEvidenceFits(t *testing.T) {
	r := genesisOf(wire.RingMembersMax).Body.Ring()
	a, b := two(r)
	all := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	e := ForkEvidence(r, sign(r, Commit, a, 1<<40, all...), sign(r, Commit, b, 1<<40, all...)).Encode()
	if _, err := ParseEvidence(e); err != nil || len(e) > EvidenceBytesMax {
		t.Errorf("%d bytes: %v", len(e), err)
	}
	if _, err := ParseEvidence(append(e, make([]byte, EvidenceBytesMax)...)); !errors.Is(err, ErrEvidence) {
		t.Errorf("too long: %v", err)
	}
}

func TestAMemberThatVotesTwiceIsFound(t *testing.T) {
	for name, lie := range map[string]func(b *bench, leader int, x, y Proposal) (liar int){
		"two proposals": func(b *bench, leader int, x, y Proposal) int {
			b.receive(leader, b.prePrepare(0, y))
			return leader
		},
		"a proposal and a commit": func(b *bench, leader int, x, y Proposal) int {
			c := sign(b.ring, Commit, y.Decision, 0, 0, 1, 2, 3)
			b.receive(b.others(0)[0], &Announce{Commit: c}) // shows the decision
			b.receive(leader, b.vote(leader, Commit, 0, y.Decision))
			return leader
		},
	} {
		b, leader := follower(t)
		x, y := b.propose("x"), b.propose("y")
		var found []Evidence
		b.found = &found
		b.receive(leader, b.prePrepare(0, x))
		if len(found) > 0 {
			t.Fatalf("%s: an honest leader is accused", name)
		}
		liar := lie(b, leader, x, y)
		lie(b, leader, x, y)
		if len(found) != 1 {
			t.Errorf("%s: %d pieces of evidence, want one for each member", name, len(found))
			continue
		}
		if g, err := found[0].Verify(); err != nil || g != (Guilty{Members: 1 << liar}) {
			t.Errorf("%s: %+v, %v", name, g, err)
		}
	}
}

// Nobody is accused of what others say in its name.
func TestForgedVotesAccuseNobody(t *testing.T) {
	b, leader := follower(t)
	var found []Evidence
	b.found = &found
	x, y := b.propose("x"), b.propose("y")
	b.receive(leader, b.prePrepare(0, x))
	forged := b.prePrepare(0, y)
	forged.Signature[0]++
	b.receive(leader, forged)
	vote := b.vote(leader, Commit, 0, y.Decision)
	vote.Signature[0]++
	b.receive(leader, vote)
	if len(found) > 0 {
		t.Errorf("%+v", found)
	}
}

func TestAForkIsShown(t *testing.T) {
	b, _ := follower(t)
	var found []Evidence
	b.found = &found
	x, y := b.propose("x"), b.propose("y")
	c, d := sign(b.ring, Commit, x.Decision, 0, 0, 1, 2), sign(b.ring, Commit, y.Decision, 0, 1, 2, 3)
	b.receive(1, &Data{Proposal: x, Commit: &c})
	if b.Version() != 1 {
		t.Fatalf("version %d", b.Version())
	}
	if e := b.receive(1, &Announce{Commit: d}); !errors.Is(e.Fault, ErrForked) || len(found) != 1 {
		t.Fatalf("%+v, %d pieces of evidence", e.Fault, len(found))
	}
	if g, err := found[0].Verify(); err != nil || g != (Guilty{Members: 1<<1 | 1<<2, Forked: true}) {
		t.Errorf("%+v, %v", g, err)
	}
}

func FuzzEvidence(f *testing.F) {
	r := genesisOf(4).Body.Ring()
	a, b := two(r)
	f.Add(VoteEvidence(r, castOf(1, Prepare, 0, a), castOf(1, Prepare, 0, b)).Encode())
	f.Add(ForkEvidence(r, sign(r, Commit, a, 3, 0, 1, 2), sign(r, Commit, b, 3, 1, 2, 3)).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEvidence(b)
		if err != nil {
			return
		}
		if !bytes.Equal(e.Encode(), b) {
			t.Errorf("%x is written as %x", b, e.Encode())
		}
		_, _ = e.Verify() // whatever it says, it does not panic
	})
}

// A leader that proposes one thing to some and another to others is found when
// they see each other's votes.
func TestALeaderThatTellsTwoStoriesIsFound(t *testing.T) {
	b, leader := follower(t)
	x, y := b.propose("x"), b.propose("y")
	var found []Evidence
	b.found = &found
	other := b.others(0)[0]
	b.receive(leader, b.prePrepare(0, x))
	vote := b.vote(other, Prepare, 0, y.Decision)
	shown := said[*PrePrepare](b.receive(other, vote))
	if len(shown) != 1 || shown[0].Proposal.Decision != x.Decision {
		t.Fatalf("who votes for something else is shown %+v", shown)
	}
	if again := said[*PrePrepare](b.receive(other, vote)); len(again) > 0 {
		t.Error("it is shown twice")
	}
	if len(found) > 0 {
		t.Fatal("a vote for what is not known proves nothing")
	}
	// The other has been told the other story, and sees this member's vote.
	c := newBench(t, other)
	c.found = &found
	c.receive(leader, c.prePrepare(0, y))
	c.receive(b.self, shown[0])
	if len(found) != 1 {
		t.Fatalf("%d pieces of evidence", len(found))
	}
	if g, err := found[0].Verify(); err != nil || g != (Guilty{Members: 1 << leader}) {
		t.Errorf("%+v, %v", g, err)
	}
	honest := newBench(t, other)
	honest.found = &found
	honest.receive(leader, honest.prePrepare(0, x))
	honest.receive(b.self, shown[0])
	if len(found) != 1 {
		t.Error("a leader that told one story is accused")
	}
}

// Whoever was told of something that is never decided finds the leader's other
// vote in the certificate.
func TestACertificateShowsWhoVotedTwice(t *testing.T) {
	b, leader := follower(t)
	x, y := b.propose("x"), b.propose("y")
	var found []Evidence
	b.found = &found
	b.receive(leader, b.prePrepare(0, x))
	others := b.others(0)
	b.receive(others[0], &Announce{Commit: sign(b.ring, Commit, y.Decision, 0, leader, others[0], others[1])})
	if len(found) != 1 {
		t.Fatalf("%d pieces of evidence", len(found))
	}
	if g, err := found[0].Verify(); err != nil || g != (Guilty{Members: 1 << leader}) {
		t.Errorf("%+v, %v", g, err)
	}
}
