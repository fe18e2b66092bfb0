package bft

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

// chained returns a head whose object has been ordered by rings of four in
// three epochs and is at version 8.
func chained() Head {
	g := genesisOf(4)
	r1 := g.Body.Ring()
	r2 := next(r1, 4)
	r3 := next(r2, 4)
	d3 := decisionOf(r1, 3, wire.VersionID{2})
	d3.NextRing = r2.ID()
	d7 := decisionOf(r2, 7, wire.VersionID{6})
	d7.NextRing = r3.ID()
	c3, c7 := sign(r1, Commit, d3, 0, 0, 1, 2), sign(r2, Commit, d7, 1, 1, 2, 3)
	c8 := sign(r3, Commit, decisionOf(r3, 8, d7.ID()), 0, 0, 1, 3)
	h := NewHead(g, &c8)
	h.Links = []Link{{Ring: r2, Commit: &c3}, {Ring: r3, Commit: &c7}}
	return h
}

// afterOverride returns a head whose second ring was set by the owner.
func afterOverride(from *Certificate, commit *Certificate) Head {
	g := genesisOf(4)
	var id wire.VersionID
	if from != nil {
		id = from.Version()
	}
	r2 := next(g.Body.Ring(), 4)
	o := SignOverride(owner, r2, id, 1)
	h := NewHead(g, commit)
	h.Links = []Link{{Ring: r2, Commit: from, Override: &o}}
	return h
}

func TestHead(t *testing.T) {
	g := genesisOf(4)
	r1 := g.Body.Ring()
	r2 := next(r1, 4)
	c1 := sign(r1, Commit, decisionOf(r1, 1, wire.VersionID{}), 0, 0, 1, 2)
	c2 := sign(r2, Commit, decisionOf(r2, 2, c1.Version()), 0, 0, 1, 2)
	handover := chained()
	handover.Commit = nil
	endorsed := chained()
	e := Endorse(owner, endorsed.Links[1].Ring, 0)
	endorsed.Base, endorsed.Links = &e, nil
	for name, c := range map[string]struct {
		head      Head
		version   wire.Version
		epoch     wire.Epoch
		overrides uint64
	}{
		"version 0":             {NewHead(g, nil), 0, 1, 0},
		"version 1":             {NewHead(g, &c1), 1, 1, 0},
		"three epochs":          {chained(), 8, 3, 0},
		"just handed over":      {handover, 7, 3, 0},
		"endorsed":              {endorsed, 8, 3, 0},
		"override of version 0": {afterOverride(nil, nil), 0, 2, 1},
		"override of version 1": {afterOverride(&c1, nil), 1, 2, 1},
		"version 2 after that":  {afterOverride(&c1, &c2), 2, 2, 1},
	} {
		b, err := c.head.Encode()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		h, err := ParseHead(b)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		v, err := h.Verify(g.Body.ObjectID())
		if err != nil || v.Decision.Version != c.version || v.Epoch != c.epoch || v.Overrides != c.overrides || v.Ring.Epoch != c.epoch {
			t.Errorf("%s: version %d, epoch %d, overrides %d, %v", name, v.Decision.Version, v.Epoch, v.Overrides, err)
		}
		if stored, err := h.Stored(g.Body.ObjectID()); err != nil || !reflect.DeepEqual(stored, v) {
			t.Errorf("%s: read back from the own store: %+v, %v, not %+v", name, stored, err, v)
		}
		if v.Version.IsZero() != (c.version == 0) {
			t.Errorf("%s: named %v", name, v.Version)
		}
	}
}

func TestHeadRefused(t *testing.T) {
	object := genesisOf(4).Body.ObjectID()
	for name, spoil := range map[string]func(*Head){
		"of another object":     func(h *Head) { h.Genesis.Body.Salt[5]++ },
		"forged signature":      func(h *Head) { h.Links[0].Commit.Signatures[1][5]++ },
		"forged acceptance":     func(h *Head) { h.Genesis.Acceptances[3][40]++ },
		"forged owner":          func(h *Head) { h.Genesis = NewGenesis(key(66), h.Genesis.Body, h.Genesis.Acceptances) },
		"missing link":          func(h *Head) { h.Links = h.Links[1:] },
		"link twice":            func(h *Head) { h.Links = []Link{h.Links[0], h.Links[0], h.Links[1]} },
		"links swapped":         func(h *Head) { l := h.Links; l[0], l[1] = l[1], l[0] },
		"no certificate":        func(h *Head) { h.Links[0].Commit = nil },
		"leads elsewhere":       func(h *Head) { h.Links[1].Ring.Members = members(9, 4) },
		"certificate of before": func(h *Head) { h.Commit = h.Links[1].Commit },
		"older version": func(h *Head) {
			r := h.Links[1].Ring
			c := sign(r, Commit, decisionOf(r, 7, wire.VersionID{1}), 0, 0, 1, 2)
			h.Commit = &c
		},
		"other history": func(h *Head) {
			r := h.Links[1].Ring
			c := sign(r, Commit, decisionOf(r, 8, wire.VersionID{1}), 0, 0, 1, 2)
			h.Commit = &c
		},
		"f+1 signers": func(h *Head) {
			r := h.Links[1].Ring
			c := sign(r, Commit, h.Commit.Decision, 0, 0, 1)
			h.Commit = &c
		},
		"prepared only": func(h *Head) {
			r := h.Links[1].Ring
			c := sign(r, Prepare, h.Commit.Decision, 0, 0, 1, 2)
			h.Commit = &c
		},
		"endorsed by another": func(h *Head) {
			e := Endorse(key(66), h.Links[1].Ring, 0)
			h.Base, h.Links = &e, nil
		},
		"endorsed ring of another": func(h *Head) {
			r := h.Links[1].Ring
			r.Object[0]++
			e := Endorse(owner, r, 0)
			h.Base, h.Links = &e, nil
		},
		"endorsement changed": func(h *Head) {
			e := Endorse(owner, h.Links[1].Ring, 0)
			e.Overrides = 5
			h.Base, h.Links = &e, nil
		},
		"endorsement alone": func(h *Head) {
			e := Endorse(owner, h.Links[1].Ring, 0)
			h.Base, h.Links, h.Commit = &e, nil, nil
		},
		"override by another": func(h *Head) {
			o := SignOverride(key(66), h.Links[1].Ring, h.Links[1].Commit.Version(), 1)
			h.Links[1].Override = &o
		},
		"override counted wrong": func(h *Head) {
			o := SignOverride(owner, h.Links[1].Ring, h.Links[1].Commit.Version(), 2)
			h.Links[1].Override = &o
		},
		"override from elsewhere": func(h *Head) {
			o := SignOverride(owner, h.Links[1].Ring, wire.VersionID{1}, 1)
			h.Links[1].Override = &o
		},
	} {
		h := chained()
		spoil(&h)
		if _, err := h.Verify(object); !errors.Is(err, ErrHead) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestHeadBounds(t *testing.T) {
	h := chained()
	h.Hint = make([]byte, HintBytesMax)
	if b, err := h.Encode(); err != nil || len(b) > wire.HeadBytesMax {
		t.Errorf("%d bytes, %v", len(b), err)
	}
	for name, spoil := range map[string]func(*Head){
		"format": func(h *Head) { h.Format = 2 },
		"hint":   func(h *Head) { h.Hint = make([]byte, HintBytesMax+1) },
		"links":  func(h *Head) { h.Links = make([]Link, LinksMax+1) },
		"size":   func(h *Head) { h.Hint, h.Links = make([]byte, HintBytesMax), append(h.Links, make([]Link, 80)...) },
	} {
		h := chained()
		spoil(&h)
		if _, err := ParseHead(wire.Marshal(h)); !errors.Is(err, ErrHead) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The largest genesis and three links of rings of ten leave room for a hint.
	g := genesisOf(10)
	g.Body.Policy, g.Body.Label = make([]byte, PolicyBytesMax), string(bytes.Repeat([]byte("x"), LabelBytesMax))
	r := g.Body.Ring()
	c := sign(r, Commit, decisionOf(r, 5, wire.VersionID{1}), 0, 0, 1, 2, 3, 4, 5, 6)
	h = NewHead(g, &c)
	for range 3 {
		r = next(r, 10)
		h.Links = append(h.Links, Link{Ring: r, Commit: &c})
	}
	h.Hint = make([]byte, HintBytesMax)
	if _, err := h.Encode(); err != nil {
		t.Error(err)
	}
}

func TestCompare(t *testing.T) {
	order := []Verified{
		{Epoch: 1},
		{Epoch: 1, Decision: Decision{Version: 9}},
		{Epoch: 2, Decision: Decision{Version: 9}},
		{Epoch: 2, Decision: Decision{Version: 10}},
		{Epoch: 2, Overrides: 1, Decision: Decision{Version: 3}},
		{Epoch: 3, Overrides: 1, Decision: Decision{Version: 3}},
	}
	for i, a := range order {
		for j, b := range order {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := Compare(a, b); got != want {
				t.Errorf("%d against %d: %d", i, j, got)
			}
		}
	}
}
