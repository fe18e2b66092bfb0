package plan

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

// lose takes away the shares of so many holders.
func lose(rng *rand.Rand, holders []wire.PeerID, peers int) (left []wire.PeerID, wanted []int, gone map[wire.PeerID]bool) {
	gone = make(map[wire.PeerID]bool)
	var distinct []wire.PeerID
	for p := range counts(holders) {
		distinct = append(distinct, p)
	}
	slices.SortFunc(distinct, func(a, b wire.PeerID) int { return slices.Compare(a[:], b[:]) })
	for _, i := range rng.Perm(len(distinct))[:peers] {
		gone[distinct[i]] = true
	}
	left = slices.Clone(holders)
	for i, h := range left {
		if gone[h] {
			left[i] = wire.PeerID{}
			wanted = append(wanted, i)
		}
	}
	return left, wanted, gone
}

func TestReplaceGivesBackWhatPlaceGave(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	for i := range 300 {
		const k, n = 16, 32
		peers := 3 + rng.IntN(100)
		all := crowd(rng, peers, 1+rng.IntN(20))
		for j := range all {
			all[j].FreeBytes = math.MaxUint32
		}
		holders := Place(n, k, mebibyte/1024, all, seedOf(i))
		left, wanted, gone := lose(rng, holders, 1+rng.IntN(min(peers-2, len(counts(holders))-1)))
		alive := slices.DeleteFunc(slices.Clone(all), func(c Candidate) bool { return gone[c.Peer] })
		for j, p := range Replace(k, mebibyte/1024, left, wanted, alive, seedOf(i)) {
			if p.IsZero() || gone[p] {
				t.Fatalf("run %d: share %d of %d peers got no living holder", i, wanted[j], len(alive))
			}
			left[wanted[j]] = p
		}
		got := counts(left)
		if want := min(n, len(alive)); len(alive) >= n && len(got) != want {
			t.Fatalf("run %d: %d holders, %d could be had", i, len(got), want)
		}
		if s, want := Survives(k, left), holdersLost(k, n, min(n, len(alive))); s < want {
			t.Fatalf("run %d: survives the loss of %d of %d holders, want %d", i, s, len(alive), want)
		}
	}
}

func TestReplaceKeepsGroupsApart(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 24))
	all := make([]Candidate, 0, 80)
	for i := range 80 {
		c := crowd(rng, 1, 1)[0]
		c.FreeBytes, c.Group = math.MaxUint32, string(rune('a'+i%8))
		all = append(all, c)
	}
	holders := Place(32, 16, mebibyte, all, seedOf(1))
	left, wanted, gone := lose(rng, holders, 8)
	alive := slices.DeleteFunc(slices.Clone(all), func(c Candidate) bool { return gone[c.Peer] })
	for j, p := range Replace(16, mebibyte, left, wanted, alive, seedOf(2)) {
		left[wanted[j]] = p
	}
	groups := make(map[string]int)
	for _, c := range all {
		groups[c.Group] += counts(left)[c.Peer]
	}
	for g, n := range groups {
		if n != 4 {
			t.Errorf("group %s has %d of 32 shares, 8 groups could have 4 each", g, n)
		}
	}
}

func TestReplaceWhereNobodyHasRoom(t *testing.T) {
	full := []Candidate{{Peer: wire.PeerID{1}, FreeBytes: 10}, {Peer: wire.PeerID{2}, FreeBytes: 10}}
	holders := make([]wire.PeerID, 4)
	holders[0], holders[1] = wire.PeerID{1}, wire.PeerID{2}
	if got := Replace(2, 100, holders, []int{2, 3}, full, seedOf(1)); !got[0].IsZero() || !got[1].IsZero() {
		t.Errorf("full peers were given shares: %v", got)
	}
	if got := Replace(2, 10, holders, []int{2, 3}, nil, seedOf(1)); len(got) != 2 || !got[0].IsZero() {
		t.Errorf("nobody was given shares: %v", got)
	}
}

func TestCrowded(t *testing.T) {
	a, b, c := wire.PeerID{1}, wire.PeerID{2}, wire.PeerID{3}
	for _, x := range []struct {
		name    string
		holders []wire.PeerID
		peers   int
		want    []int
	}{
		{"alone", []wire.PeerID{a, a, {}, {}}, 1, nil},
		{"one more peer", []wire.PeerID{a, a, a, a}, 2, []int{3, 2}},
		{"as even as can be", []wire.PeerID{a, b, a, b}, 2, nil},
		{"a third came", []wire.PeerID{a, b, a, b}, 3, nil},
		{"as many peers as shares", []wire.PeerID{a, b, a, c}, 9, []int{2}},
		{"nobody", []wire.PeerID{{}, {}, {}, {}}, 5, nil},
	} {
		if got := Crowded(2, x.holders, x.peers); !slices.Equal(got, x.want) {
			t.Errorf("%s: %v, want %v", x.name, got, x.want)
		}
	}
}
