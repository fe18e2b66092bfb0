package bft

import (
	"bytes"
	"errors"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

// answer is what a member of a ring of epoch 1 says to a reader.
func answer(r RingCert, member int, nonce Nonce, c *Certificate) Status {
	return SignStatus(ringKey(1, member), member, r.ID(), nonce, c)
}

func TestTheNewestOfAQuorumIsTaken(t *testing.T) {
	r := genesisOf(4).Body.Ring()
	nonce := Nonce{1}
	one := decisionOf(r, 1, wire.VersionID{})
	first, second := sign(r, Commit, one, 0, 0, 1, 2), sign(r, Commit, decisionOf(r, 2, one.ID()), 0, 0, 1, 2)
	forged := second
	forged.Signatures = append([]wire.Signature{{1}}, second.Signatures[1:]...)
	other := answer(r, 3, nonce, &second)
	other.Commit = &first
	moved := answer(r, 3, nonce, &second)
	moved.Member = 2
	elsewhere := SignStatus(ringKey(1, 3), 3, wire.RingCertID{7}, nonce, &second)
	const few = wire.Version(99)
	for name, c := range map[string]struct {
		last Status // beside the answers of members 0 and 1: version 1, nothing
		want wire.Version
	}{
		"behind":                  {answer(r, 2, nonce, nil), 1},
		"ahead":                   {answer(r, 2, nonce, &second), 2},
		"twice the same":          {answer(r, 1, nonce, &second), few},
		"to another question":     {answer(r, 2, Nonce{2}, &second), few},
		"no member":               {SignStatus(key(9), 9, r.ID(), nonce, &second), few},
		"signed by another":       {SignStatus(ringKey(1, 3), 2, r.ID(), nonce, &second), few},
		"in another's name":       {moved, few},
		"a certificate put under": {other, few},
		"a forged certificate":    {answer(r, 2, nonce, &forged), few},
		"for another ring":        {elsewhere, few},
	} {
		got, err := Newest(r, nonce, []Status{answer(r, 0, nonce, &first), answer(r, 1, nonce, nil), c.last})
		switch {
		case c.want == few && !errors.Is(err, ErrStatus):
			t.Errorf("%s: %v, %v", name, got, err)
		case c.want != few && (err != nil || got.Decision.Version != c.want):
			t.Errorf("%s: %v, %v; want version %d", name, got, err, c.want)
		}
	}
	if got, err := Newest(r, nonce, []Status{answer(r, 0, nonce, nil), answer(r, 1, nonce, nil), answer(r, 2, nonce, nil)}); got != nil || err != nil {
		t.Errorf("of a new ring: %v, %v", got, err)
	}
}

// Whoever has prepared a version may have helped to commit it: it says what is
// newest once it knows.
func TestAMemberAnswersWhenWhatItPreparedIsDecided(t *testing.T) {
	b, leader := follower(t)
	p := b.propose("x")
	others := b.others(0)
	ask := func(what string, want wire.Version, answers bool) {
		t.Helper()
		nonce := Nonce{9}
		s, ok := b.Status(nonce)
		if ok != answers {
			t.Fatalf("%s: answers: %v", what, ok)
		}
		if !ok {
			return
		}
		if err := s.Verify(b.ring, nonce); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if got := (s.Commit != nil); got != (want > 0) || got && s.Commit.Decision.Version != want {
			t.Errorf("%s: %+v", what, s.Commit)
		}
	}
	ask("at first", 0, true)
	b.receive(leader, b.prePrepare(0, p))
	ask("before it has it prepared", 0, true)
	b.receive(others[0], b.vote(others[0], Prepare, 0, p.Decision))
	ask("once it has it prepared", 0, false)
	b.receive(others[0], b.vote(others[0], Commit, 0, p.Decision))
	b.receive(leader, b.vote(leader, Commit, 0, p.Decision))
	ask("after the commit", 1, true)
}

func FuzzStatus(f *testing.F) {
	r := genesisOf(4).Body.Ring()
	c := sign(r, Commit, decisionOf(r, 1, wire.VersionID{}), 2, 0, 2, 3)
	f.Add(answer(r, 1, Nonce{1}, &c).Encode())
	f.Add(answer(r, 1, Nonce{1}, nil).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseStatus(b)
		if err != nil {
			return
		}
		if !bytes.Equal(s.Encode(), b) {
			t.Errorf("%x is written as %x", b, s.Encode())
		}
		_, _ = Newest(r, s.Nonce, []Status{s, s, s}) // whatever it says, it does not panic
	})
}
