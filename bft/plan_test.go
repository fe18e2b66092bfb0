package bft

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

// nextWorld is a ring of four and what is needed to change it.
type nextWorld struct {
	before RingCert
	peers  []wire.Key // of members 0 to 3 and of others
	old    []wire.Key // ring keys of this epoch
	fresh  []wire.Key // and of the next
}

func planKey(kind, i byte) wire.Key { return wire.NewKey([32]byte{kind, i}) }

func newNextWorld() *nextWorld {
	w := &nextWorld{}
	for i := range byte(8) {
		w.peers = append(w.peers, planKey('p', i))
		w.old = append(w.old, planKey('o', i))
		w.fresh = append(w.fresh, planKey('n', i))
	}
	w.before = RingCert{Object: wire.ObjectID{7}, Epoch: 3, Previous: wire.RingCertID{3}}
	for i := range 4 {
		w.before.Members = append(w.before.Members, Member{Peer: wire.PeerID(w.peers[i].Public()), Key: w.old[i].Public()})
	}
	return w
}

func (w *nextWorld) member(i int) Member {
	return Member{Peer: wire.PeerID(w.peers[i].Public()), Key: w.fresh[i].Public()}
}

// owners returns the owner's plan for a ring of these peers.
func (w *nextWorld) owners(peers ...int) Plan {
	p := Plan{Object: w.before.Object, Epoch: w.before.Epoch + 1, Previous: w.before.ID()}
	for _, i := range peers {
		p.Members = append(p.Members, w.member(i))
	}
	return p
}

// replacing returns a plan that replaces member 1 by one of the peers 4 to 6.
func (w *nextWorld) replacing() Plan {
	p := w.owners(0, 2, 3)
	p.Absent, p.TimeUnixMilli = w.before.Members[1].Peer, testNow
	for i := 4; i <= 6; i++ {
		p.Candidates = append(p.Candidates, w.member(i))
	}
	slices.SortFunc(p.Candidates, func(a, b Member) int { return bytes.Compare(a.Peer[:], b.Peer[:]) })
	return p
}

// agreed signs a plan as everybody must.
func (w *nextWorld) agreed(p Plan, absent ...int) Reconfiguration {
	var acceptances []Acceptance
	for _, m := range p.Joining() {
		for i := range w.peers {
			if wire.PeerID(w.peers[i].Public()) == m.Peer {
				acceptances = append(acceptances, AcceptPlan(w.peers[i], p, 9))
			}
		}
	}
	var absences []Absence
	for _, i := range absent {
		absences = append(absences, SignAbsence(w.old[i], i, p))
	}
	return NewReconfiguration(p, acceptances, absences)
}

func TestRingsFollow(t *testing.T) {
	w := newNextWorld()
	for name, r := range map[string]Reconfiguration{
		"one":                  w.agreed(w.owners(0)),
		"four others":          w.agreed(w.owners(4, 5, 6, 7)),
		"seven":                w.agreed(w.owners(0, 1, 2, 3, 4, 5, 6)),
		"a silent member less": w.agreed(w.replacing(), 0, 2),
	} {
		if err := r.Verify(w.before, 10, testNow); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		back, err := ParseReconfiguration(r.Encode())
		if err != nil || !bytes.Equal(back.Encode(), r.Encode()) {
			t.Errorf("%s: not read back: %v", name, err)
		}
		next := r.Plan.Ring(w.before, wire.VersionID{5})
		if err := next.Follows(w.before); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheReplacementIsNotChosenByWhoPlans(t *testing.T) {
	w := newNextWorld()
	p := w.replacing()
	seen := map[wire.PeerID]bool{}
	for i := range byte(40) {
		next := p.Ring(w.before, wire.VersionID{0, 0, 0, 0, 0, 0, 0, i})
		if next.Members[0] != p.Members[0] || next.Members[2] != p.Members[1] {
			t.Fatal("those who stay have other places")
		}
		seen[next.Members[1].Peer] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d of three candidates were ever chosen", len(seen))
	}
}

func TestRingsThatDoNotFollow(t *testing.T) {
	w := newNextWorld()
	other := newNextWorld()
	other.before.Object = wire.ObjectID{8}
	with := func(p Plan, change func(*Plan)) Plan {
		p.Members, p.Candidates = slices.Clone(p.Members), slices.Clone(p.Candidates)
		change(&p)
		return p
	}
	good := w.agreed(w.owners(4, 5, 6, 7))
	for name, c := range map[string]struct {
		r    Reconfiguration
		want error
	}{
		"of another object":            {other.agreed(other.owners(0)), ErrOtherRing},
		"an epoch too late":            {w.agreed(with(w.owners(0), func(p *Plan) { p.Epoch++ })), ErrOtherRing},
		"after another ring":           {w.agreed(with(w.owners(0), func(p *Plan) { p.Previous[0]++ })), ErrOtherRing},
		"of two":                       {w.agreed(w.owners(0, 1)), ErrReconfiguration},
		"one member twice":             {w.agreed(w.owners(0, 1, 2, 2)), ErrReconfiguration},
		"a key of the epoch before":    {w.agreed(with(w.owners(0), func(p *Plan) { p.Members[0].Key = w.old[3].Public() })), ErrReconfiguration},
		"no acceptance":                {NewReconfiguration(good.Plan, nil, nil), ErrReconfiguration},
		"one acceptance missing":       {NewReconfiguration(good.Plan, good.Acceptances[:3], nil), ErrReconfiguration},
		"acceptances in disorder":      {NewReconfiguration(good.Plan, slices.Concat(good.Acceptances[1:], good.Acceptances[:1]), nil), ErrReconfiguration},
		"acceptance of another plan":   {NewReconfiguration(good.Plan, w.agreed(w.owners(4, 5, 7, 6)).Acceptances, nil), ErrReconfiguration},
		"absences and nobody absent":   {w.agreed(w.owners(0), 0, 2), ErrReconfiguration},
		"one says a member is silent":  {w.agreed(w.replacing(), 0), ErrReconfiguration},
		"one says it twice":            {w.agreed(w.replacing(), 0, 0), ErrReconfiguration},
		"the absent one says it":       {w.agreed(w.replacing(), 0, 1), ErrReconfiguration},
		"a member says it that is not": {w.agreed(w.replacing(), 0, 5), ErrReconfiguration},
		"two replaced":                 {w.agreed(with(w.replacing(), func(p *Plan) { p.Members[1] = w.member(7) }), 0, 2), ErrReconfiguration},
		"a candidate is a member":      {w.agreed(with(w.replacing(), func(p *Plan) { p.Candidates = []Member{w.member(2)} }), 0, 2), ErrReconfiguration},
		"no candidate":                 {w.agreed(with(w.replacing(), func(p *Plan) { p.Candidates = nil }), 0, 2), ErrReconfiguration},
		"silent two hours ago":         {w.agreed(with(w.replacing(), func(p *Plan) { p.TimeUnixMilli -= 2 * AbsentMilliMax }), 0, 2), ErrReconfiguration},
	} {
		if err := c.r.Verify(w.before, 10, testNow); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if err := good.Verify(w.before, 8, testNow); !errors.Is(err, ErrReconfiguration) {
		t.Errorf("a version fetched that is not there yet: %v", err)
	}
	if err := good.Verify(w.before, 9+FetchedVersionsMax+1, testNow); !errors.Is(err, ErrReconfiguration) {
		t.Errorf("a version fetched long ago: %v", err)
	}
}

func FuzzReconfiguration(f *testing.F) {
	w := newNextWorld()
	f.Add(w.agreed(w.owners(4, 5, 6, 7)).Encode())
	f.Add(w.agreed(w.replacing(), 0, 2).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseReconfiguration(b)
		if err != nil {
			return
		}
		if !bytes.Equal(r.Encode(), b) {
			t.Fatal("parsed, and encodes to something else")
		}
		r.Verify(w.before, 10, testNow) // must not panic
	})
}
