package node

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/custody/keeper"
)

// Peers that die for good are found out, and what they held is rebuilt on
// others, by whichever custodian is left.
func TestWhatDeadPeersHeldIsRebuilt(t *testing.T) {
	c := newClusterOf(t, 10, func(c *Config) { c.Custody.DeadAfter = 2 * time.Second })
	object, ref := c.init(0, 4)
	content := strings.Repeat("corals grow back ", 40_000)
	c.mustPut(0, "home:/file", content)
	members := c.members(0, object)
	dead := []int{members[0], c.outside(append(members, 0)...)}
	for _, i := range dead {
		c.stop(i)
	}
	short := 0
	witness := c.outside(append(members, dead...)...)
	c.until("everything that the dead held is rebuilt", func() bool {
		report, err := c.user(witness).Check(t.Context(), api.CheckRequest{Ref: ref})
		if err != nil {
			t.Logf("check: %v", err)
			return false
		}
		for _, x := range report.Extents {
			if x.Alive < x.N {
				short++
				return false
			}
		}
		return report.Healthy
	})
	if short == 0 {
		t.Error("the dead held nothing")
	}
	if got, err := c.get(witness, ref+"/file"); err != nil || got != content {
		t.Errorf("%d bytes came back, %v", len(got), err)
	}
}

// A petname for somebody else's volume makes nobody a custodian: holders obey the
// ring and the owner alone.
func TestCustodyIsOfTheRingAndTheOwner(t *testing.T) {
	c := newCluster(t, 6)
	object, ref := c.init(0, 4)
	members := c.members(0, object)
	reader := c.outside(append(members, 0)...)
	if _, err := c.user(reader).AddVolume(t.Context(), api.AddVolumeRequest{Petname: "theirs", Ref: ref}); err != nil {
		t.Fatal(err)
	}
	for i, n := range c.nodes {
		_, err := custodied{n}.State(t.Context(), object)
		if want := i == 0 || slices.Contains(members, i); (err == nil) != want || err != nil && !errors.Is(err, keeper.ErrNotKept) {
			t.Errorf("peer %d, custodian: %v: %v", i, want, err)
		}
	}
}

func TestProofsNameCustodians(t *testing.T) {
	c := newCluster(t, 4)
	object, _ := c.init(0, 4)
	n := c.nodes[c.members(0, object)[0]]
	state, err := custodied{n}.State(t.Context(), object)
	if err != nil {
		t.Fatal(err)
	}
	p := new(proofs)
	for _, m := range state.Custodians {
		if err := p.check(object, m.Key(), state.Proof, false); err != nil {
			t.Errorf("a member: %v", err)
		}
	}
	if err := p.check(object, c.nodes[0].volumes.author().Public(), state.Proof, false); err != nil {
		t.Errorf("the owner: %v", err)
	}
	for name, err := range map[string]error{
		"a stranger":     p.check(object, wire.PublicKey{9}, state.Proof, false),
		"another object": p.check(wire.ObjectID{1}, state.Custodians[0].Key(), state.Proof, false),
		"no proof":       p.check(object, state.Custodians[0].Key(), nil, false),
	} {
		if errs.KindOf(err) != errs.Refused {
			t.Errorf("%s: %v", name, err)
		}
	}
	for i := range 3 * proofsMax {
		p.remember(wire.Hash{byte(i), byte(i >> 8)}, nil)
	}
	if len(p.keys) > proofsMax {
		t.Errorf("%d proofs are remembered, limit %d", len(p.keys), proofsMax)
	}
}
