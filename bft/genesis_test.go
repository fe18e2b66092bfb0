package bft

import (
	"errors"
	"strings"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

func TestGenesis(t *testing.T) {
	for _, n := range []int{1, 4, 7, 10} {
		g := genesisOf(n)
		id, err := g.Verify()
		if err != nil || id != g.Body.ObjectID() {
			t.Fatalf("ring of %d: %v, %v", n, id, err)
		}
		parsed, err := ParseGenesis(g.Encode())
		if err != nil || parsed.Body.ObjectID() != id {
			t.Errorf("ring of %d: parsed as another: %v", n, err)
		}
		if r := g.Body.Ring(); r.Epoch != 1 || r.Quorum() != 2*(n-1)/3+1 || r.Index(peerID(n-1)) != n-1 || r.Index(peerID(n)) != -1 {
			t.Errorf("ring of %d: %+v", n, r)
		}
	}
}

func TestGenesisRefused(t *testing.T) {
	for name, spoil := range map[string]func(*Genesis){
		"format":               func(g *Genesis) { g.Body.Format = 2 },
		"no owner":             func(g *Genesis) { g.Body.Owner = wire.PublicKey{} },
		"other owner":          func(g *Genesis) { g.Body.Owner = key(7).Public() },
		"unsigned":             func(g *Genesis) { g.Owner = wire.Signature{} },
		"owner signs accept":   func(g *Genesis) { g.Owner = Accept(owner, g.Body.ObjectID()) },
		"label":                func(g *Genesis) { g.Body.Label = strings.Repeat("x", LabelBytesMax+1) },
		"policy":               func(g *Genesis) { g.Body.Policy = make([]byte, PolicyBytesMax+1) },
		"other salt":           func(g *Genesis) { g.Body.Salt[0]++ },
		"missing acceptance":   func(g *Genesis) { g.Acceptances = g.Acceptances[:3] },
		"swapped acceptances":  func(g *Genesis) { a := g.Acceptances; a[0], a[1] = a[1], a[0] },
		"accepted by ring key": func(g *Genesis) { g.Acceptances[2] = Accept(ringKey(1, 2), g.Body.ObjectID()) },
		"three members":        func(g *Genesis) { g.Body.Members, g.Acceptances = g.Body.Members[:3], g.Acceptances[:3] },
		"no members":           func(g *Genesis) { g.Body.Members, g.Acceptances = nil, nil },
		"peer twice":           func(g *Genesis) { g.Body.Members[1].Peer = g.Body.Members[0].Peer },
		"key twice":            func(g *Genesis) { g.Body.Members[3].Key = g.Body.Members[0].Key },
		"zero key":             func(g *Genesis) { g.Body.Members[3].Key = wire.PublicKey{} },
	} {
		g := genesisOf(4)
		spoil(&g)
		if _, err := g.Verify(); !errors.Is(err, ErrGenesis) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The genesis of the largest ring must fit its limit.
func TestGenesisFits(t *testing.T) {
	g := genesisOf(10)
	g.Body.Label, g.Body.Policy = strings.Repeat("x", LabelBytesMax), make([]byte, PolicyBytesMax)
	if n := len(g.Encode()); n > GenesisBytesMax {
		t.Errorf("%d bytes, limit %d", n, GenesisBytesMax)
	}
}

// Every member leads in its turn, and objects begin with different ones.
func TestLeaders(t *testing.T) {
	first := make(map[int]bool)
	for salt := range byte(40) {
		body := genesisOf(4).Body
		body.Salt[0] = salt
		r := body.Ring()
		first[r.Leader(0)] = true
		seen := make(map[int]bool)
		for view := range wire.View(4) {
			seen[r.Leader(view)] = true
		}
		if len(seen) != 4 || r.Leader(4) != r.Leader(0) || r.Leader(1<<64-1) != r.Leader(3) {
			t.Errorf("salt %d: leaders %v", salt, seen)
		}
	}
	if len(first) != 4 {
		t.Errorf("first leaders %v", first)
	}
}
