package bft

import (
	"bytes"
	"errors"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

func TestExhibit(t *testing.T) {
	h := chained()
	object := h.Genesis.Body.ObjectID()
	first := h.Genesis.Body.Ring()
	a, b := two(first)
	lie := VoteEvidence(first, castOf(1, Prepare, 0, a), castOf(1, Prepare, 0, b))
	again := VoteEvidence(first, castOf(1, Prepare, 0, a), castOf(1, Commit, 0, b))
	fork := ForkEvidence(first, sign(first, Commit, a, 3, 0, 1, 2), sign(first, Commit, b, 4, 1, 2, 3))
	stranger := next(next(next(first, 4), 4), 7)
	c, d := two(stranger)
	foreign := VoteEvidence(stranger, castOf(1, Prepare, 0, c), castOf(1, Prepare, 0, d))
	honest := VoteEvidence(first, castOf(1, Prepare, 0, a), castOf(1, Prepare, 1, b))
	broken := h
	broken.Genesis.Body.Label = "another"
	member := Lie{Epoch: 1, Peer: peerID(1)}
	for name, c := range map[string]struct {
		x    Exhibit
		want []Lie
		err  error
	}{
		"a member":                  {NewExhibit(h, []Evidence{lie}), []Lie{member}, nil},
		"a member, by two proofs":   {NewExhibit(h, []Evidence{lie, again}), []Lie{member}, nil},
		"a fork":                    {NewExhibit(h, []Evidence{lie, fork}), []Lie{member, {Epoch: 1, Forked: true}}, nil},
		"nothing":                   {NewExhibit(h, nil), nil, ErrExhibit},
		"of a ring of nobody's":     {NewExhibit(h, []Evidence{lie, foreign}), nil, ErrExhibit},
		"that proves nothing":       {NewExhibit(h, []Evidence{honest}), nil, ErrEvidence},
		"with a chain of another's": {NewExhibit(broken, []Evidence{lie}), nil, ErrHead},
	} {
		x, err := ParseExhibit(c.x.Encode())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := x.Verify(object)
		if !errors.Is(err, c.err) || len(got) != len(c.want) {
			t.Errorf("%s: %v, %v; want %v, %v", name, got, err, c.want, c.err)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %v, want %v", name, got[i], c.want[i])
			}
		}
	}
	hinted := NewExhibit(h, []Evidence{lie})
	hinted.Head.Hint = []byte{1}
	if _, err := ParseExhibit(hinted.Encode()); !errors.Is(err, ErrExhibit) {
		t.Errorf("with a hint: %v", err)
	}
	if _, err := NewExhibit(h, []Evidence{lie}).Verify(wire.ObjectID{1}); err == nil {
		t.Error("it is taken to be about another object")
	}
}

func TestExhibitsAreBounded(t *testing.T) {
	h := chained()
	r := h.Genesis.Body.Ring()
	a, b := two(r)
	e := ForkEvidence(r, sign(r, Commit, a, 1<<40, 0, 1, 2, 3), sign(r, Commit, b, 1<<40, 0, 1, 2, 3))
	var all []Evidence
	for range exhibitEvidenceMax + 1 {
		all = append(all, e)
	}
	x := NewExhibit(h, all)
	if b := x.Encode(); len(b) > ExhibitBytesMax || len(x.Evidence) != exhibitEvidenceMax {
		t.Errorf("%d pieces, %d bytes", len(x.Evidence), len(b))
	}
	x.Evidence = all
	if _, err := ParseExhibit(x.Encode()); !errors.Is(err, ErrExhibit) {
		t.Errorf("one piece too many: %v", err)
	}
}

func FuzzExhibit(f *testing.F) {
	h := chained()
	r := h.Genesis.Body.Ring()
	a, b := two(r)
	f.Add(NewExhibit(h, []Evidence{VoteEvidence(r, castOf(1, Prepare, 0, a), castOf(1, Prepare, 0, b))}).Encode())
	object := h.Genesis.Body.ObjectID()
	f.Fuzz(func(t *testing.T, b []byte) {
		x, err := ParseExhibit(b)
		if err != nil {
			return
		}
		if !bytes.Equal(x.Encode(), b) {
			t.Errorf("%x is written as %x", b, x.Encode())
		}
		_, _ = x.Verify(object) // whatever it says, it does not panic
	})
}
