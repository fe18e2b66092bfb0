package plan

import (
	"slices"

	"github.com/atollnet/atoll/internal/wire"
)

// Replace chooses who takes shares that have no holder any more. holders names
// who has each share now, zero for nobody; wanted are the shares to place, by
// index. The result has as many elements as wanted; zero means that nobody has
// room.
//
// The rules are those of Place, with what is there already counted in: first
// the peers with the fewest shares of this extent, among them those whose group
// has the fewest, and within that a draw by weight of free space. Nobody is
// given so many that losing as many holders as an even spread allows for would
// leave fewer than k.
func Replace(k, shareBytes int, holders []wire.PeerID, wanted []int, candidates []Candidate, seed [32]byte) []wire.PeerID {
	all := rank(candidates, uint64(max(shareBytes, 1)), seed)
	held := make(map[wire.PeerID]int)
	for _, h := range holders {
		if !h.IsZero() {
			held[h]++
		}
	}
	groups := make(map[string]int)
	for i := range candidates {
		groups[candidates[i].Group] += held[candidates[i].Peer]
	}
	most := shareLimit(k, len(holders), able(all, held))
	chosen := make([]wire.PeerID, len(wanted))
	for i := range wanted {
		best := -1
		for j := range all {
			c := &all[j]
			if c.room == 0 || held[c.Peer] >= most {
				continue
			}
			if best < 0 || lighter(held, groups, c.Candidate, all[best].Candidate) {
				best = j
			}
		}
		if best < 0 {
			break
		}
		c := &all[best]
		chosen[i] = c.Peer
		c.room--
		held[c.Peer]++
		groups[c.Group]++
	}
	return chosen
}

// lighter reports whether a has less of the extent than b, by itself or by its
// group.
func lighter(held map[wire.PeerID]int, groups map[string]int, a, b *Candidate) bool {
	if x, y := held[a.Peer], held[b.Peer]; x != y {
		return x < y
	}
	return groups[a.Group] < groups[b.Group]
}

// able counts the distinct peers that hold something or may.
func able(all []ranked, held map[wire.PeerID]int) int {
	n := len(held)
	seen := make(map[wire.PeerID]bool, len(all))
	for i := range all {
		if p := all[i].Peer; held[p] == 0 && !seen[p] {
			seen[p] = true
			n++
		}
	}
	return n
}

// Crowded returns the shares that should move elsewhere now that so many peers
// could hold some: of each holder those above an even spread, highest first.
// holders is as in Replace. None is what most extents need.
func Crowded(k int, holders []wire.PeerID, peers int) (shares []int) {
	n := len(holders)
	fair := evenly(k, n, min(max(peers, 1), n))
	held := make(map[wire.PeerID]int)
	for _, h := range holders {
		if !h.IsZero() {
			held[h]++
		}
	}
	for i, h := range slices.Backward(holders) {
		if !h.IsZero() && held[h] > fair {
			held[h]--
			shares = append(shares, i)
		}
	}
	return shares
}
