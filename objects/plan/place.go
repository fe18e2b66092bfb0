package plan

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"github.com/atollnet/atoll/internal/wire"
)

// Candidate is a peer that may hold shares, as far as it is known.
type Candidate struct {
	Peer wire.PeerID
	// Group is what fails together: the address group or a configured failure
	// domain. Peers of an unknown group, "", count as one.
	Group     string
	FreeBytes uint64 // by the peer's own word
	// RTTMicros is the round trip in microseconds, for readers to choose by. It
	// does not count in placement: near peers fail together.
	RTTMicros int64
}

// weightRatioMax bounds what a peer gains by claiming more room than it has:
// it is drawn at most so many times as often as the median peer.
const weightRatioMax = 8

// Place chooses who holds each of n shares of shareBytes, of which k restore
// the extent. The result has n elements; zero means that the share is left out.
//
// With n candidates that have room, or more, the holders are distinct; no group
// has two more than another that could still take one; and within that, peers
// are drawn by weight of their free space. With fewer, all hold several, as
// evenly as their room allows, and none so many that losing holdersLost of them
// leaves fewer than k. A single peer is given shares 0 to k-1: more would be
// lost with it.
//
// The choice depends on the seed and the set of candidates, not on their
// order. A seed that is secret and fresh for each extent keeps peers from
// choosing identifiers that attract it. 10,000 candidates take some
// milliseconds.
func Place(n, k, shareBytes int, candidates []Candidate, seed [32]byte) []wire.PeerID {
	holders := choose(n, rank(candidates, uint64(shareBytes), seed))
	shares := make([]wire.PeerID, n)
	if len(holders) == 0 {
		return shares
	}
	most := shareLimit(k, n, len(holders))
	// Each round gives every holder one share, if it has room.
	for share, round := 0, 0; share < n && round < most; round++ {
		for _, h := range holders {
			if share < n && h.room > uint64(round) {
				shares[share] = h.Peer
				share++
			}
		}
	}
	return shares
}

// ranked is a candidate with its place in the draw.
type ranked struct {
	*Candidate
	score float64 // lower is drawn earlier
	level int     // how many of its group are drawn before it
	room  uint64  // shares that fit
}

// rank draws the candidates that have room for a share, in order.
func rank(candidates []Candidate, shareBytes uint64, seed [32]byte) []ranked {
	all := make([]ranked, 0, len(candidates))
	for i := range candidates {
		if room := candidates[i].FreeBytes / max(shareBytes, 1); room > 0 {
			all = append(all, ranked{Candidate: &candidates[i], room: room})
		}
	}
	most := weightMax(all)
	for i := range all {
		all[i].score = draw(seed, all[i].Peer) / float64(min(all[i].FreeBytes, most))
	}
	slices.SortFunc(all, func(a, b ranked) int {
		if c := cmp.Compare(a.score, b.score); c != 0 {
			return c
		}
		return slices.Compare(a.Peer[:], b.Peer[:])
	})
	drawn := make(map[string]int)
	for i := range all {
		all[i].level = drawn[all[i].Group]
		drawn[all[i].Group]++
	}
	return all
}

func weightMax(all []ranked) uint64 {
	if len(all) == 0 {
		return 0
	}
	free := make([]uint64, len(all))
	for i := range all {
		free[i] = all[i].FreeBytes
	}
	slices.Sort(free)
	median := free[len(free)/2]
	if median > math.MaxUint64/weightRatioMax {
		return math.MaxUint64
	}
	return median * weightRatioMax
}

// draw returns an exponentially distributed number for a peer. The smallest of
// several, each divided by its weight, falls on a peer with a probability in
// proportion to its weight, and so does the smallest of what remains: this
// draws without replacement (Efraimidis and Spirakis 2006), and a group whose
// best peer competes with other groups' best has the weight of all its peers.
func draw(seed [32]byte, peer wire.PeerID) float64 {
	var b [64]byte
	copy(b[32:], peer[:])
	copy(b[:], seed[:])
	sum := wire.Sum(b[:])
	// 53 bits and a half, so that the number is in (0, 1) and its logarithm
	// finite.
	u := (float64(binary.BigEndian.Uint64(sum[:])>>11) + 0.5) / (1 << 53)
	return -math.Log(u)
}

// choose takes up to n distinct peers: the best of each group, then the second
// of each, and so on.
func choose(n int, all []ranked) []ranked {
	chosen := make([]ranked, 0, n)
	taken := make(map[wire.PeerID]bool, n)
	for level := 0; len(chosen) < n; level++ {
		isLast := true
		for _, c := range all {
			if c.level < level || len(chosen) == n {
				continue
			}
			isLast = false
			if c.level == level && !taken[c.Peer] {
				taken[c.Peer] = true
				chosen = append(chosen, c)
			}
		}
		if isLast {
			break
		}
	}
	return chosen
}

// evenly returns the most shares that one of so many holders has if all of
// them are spread as evenly as can be.
func evenly(k, n, holders int) int {
	if holders <= 1 {
		return k
	}
	return (n + holders - 1) / holders
}

// holdersLost returns how many holders, each with the most shares that an even
// spread gives one, may be lost while k shares remain.
func holdersLost(k, n, holders int) int {
	if holders <= 1 {
		return 0
	}
	return (n - k) / evenly(k, n, holders)
}

// shareLimit returns the most shares that one holder may have, where others
// lack room, without lowering holdersLost.
func shareLimit(k, n, holders int) int {
	if lost := holdersLost(k, n, holders); lost > 0 {
		return (n - k) / lost
	}
	return k
}

// Survives returns how many of the holders may be lost, whichever they are,
// while k of the shares remain. holders names the holder of each share, as
// Place returns them; zero is nobody.
func Survives(k int, holders []wire.PeerID) int {
	counts := make(map[wire.PeerID]int)
	left := 0
	for _, h := range holders {
		if !h.IsZero() {
			counts[h]++
			left++
		}
	}
	var most []int
	for _, c := range counts {
		most = append(most, c)
	}
	slices.SortFunc(most, func(a, b int) int { return b - a })
	for lost, c := range most {
		if left -= c; left < k {
			return lost
		}
	}
	return 0
}
