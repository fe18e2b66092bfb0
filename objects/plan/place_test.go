package plan

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/wire"
)

const mebibyte = 1 << 20

// crowd returns candidates in so many groups of random sizes, with 1 to 100
// MiB free each.
func crowd(rng *rand.Rand, peers, groups int) []Candidate {
	all := make([]Candidate, peers)
	for i := range all {
		for j := range all[i].Peer {
			all[i].Peer[j] = byte(rng.Uint32())
		}
		// The square favours groups of low number, so that sizes differ.
		g := rng.Float64() * rng.Float64() * float64(groups)
		all[i].Group = fmt.Sprint("10.", int(g))
		all[i].FreeBytes = uint64(1+rng.IntN(100)) * mebibyte
	}
	return all
}

func seedOf(i int) (seed [32]byte) {
	copy(seed[:], wire.Uint64(uint64(i)))
	return seed
}

func counts(holders []wire.PeerID) map[wire.PeerID]int {
	m := make(map[wire.PeerID]int)
	for _, h := range holders {
		if !h.IsZero() {
			m[h]++
		}
	}
	return m
}

func TestPlaceIsDistinctAndBalanced(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 300 {
		n := 1 + rng.IntN(64)
		all := crowd(rng, n+rng.IntN(200), 1+rng.IntN(60))
		holders := Place(n, (n+1)/2, mebibyte, all, seedOf(i))
		if len(holders) != n || len(counts(holders)) != n {
			t.Fatalf("%d of %d shares on %d peers, of %d candidates", len(holders), n, len(counts(holders)), len(all))
		}
		group, size, used := make(map[wire.PeerID]string), make(map[string]int), make(map[string]int)
		for _, c := range all {
			group[c.Peer] = c.Group
			size[c.Group]++
		}
		for h := range counts(holders) {
			used[group[h]]++
		}
		for a := range size {
			for b := range size {
				if used[b] < size[b] && used[a] > used[b]+1 {
					t.Fatalf("group %s has %d shares, group %s %d and %d peers", a, used[a], b, used[b], size[b])
				}
			}
		}
	}
}

func TestPlaceDependsOnSeedAndSetAlone(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	all := crowd(rng, 100, 20)
	want := Place(32, 16, mebibyte, all, seedOf(1))
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	twice := append(slices.Clone(all), all...)
	if !slices.Equal(Place(32, 16, mebibyte, all, seedOf(1)), want) {
		t.Error("another order of candidates gave other holders")
	}
	if slices.Equal(Place(32, 16, mebibyte, all, seedOf(2)), want) {
		t.Error("another seed gave the same holders")
	}
	if got := counts(Place(32, 16, mebibyte, twice, seedOf(1))); len(got) != 32 {
		t.Errorf("candidates named twice: %d holders", len(got))
	}
}

func TestPlaceWeighsFreeSpace(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	const peers, draws = 30, 6000
	all := crowd(rng, peers, 1)
	var sum float64
	for i := range all {
		all[i].FreeBytes = uint64(1+i%3) * 10 * mebibyte
		sum += float64(all[i].FreeBytes)
	}
	got := make(map[wire.PeerID]int)
	for i := range draws {
		got[Place(1, 1, mebibyte, all, seedOf(i))[0]]++
	}
	for _, c := range all {
		want := draws * float64(c.FreeBytes) / sum
		if math.Abs(float64(got[c.Peer])-want) > 5*math.Sqrt(want) {
			t.Errorf("a peer with %d MiB was drawn %d times, want about %.0f", c.FreeBytes/mebibyte, got[c.Peer], want)
		}
	}
}

// A group competes with the weight of all its peers, and a liar with eight
// times the median.
func TestPlaceBoundsWhatALieGains(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	const draws = 4000
	all := crowd(rng, 92, 1)
	for i := range all {
		all[i].FreeBytes = 10 * mebibyte
	}
	all[0].FreeBytes = math.MaxUint64
	drawn := 0
	for i := range draws {
		if Place(1, 1, mebibyte, all, seedOf(i))[0] == all[0].Peer {
			drawn++
		}
	}
	want := draws * float64(weightRatioMax) / (91 + weightRatioMax)
	if math.Abs(float64(drawn)-want) > 5*math.Sqrt(want) {
		t.Errorf("a peer that claims everything was drawn %d times, want about %.0f", drawn, want)
	}
}

func TestPlaceOnFewPeers(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 12))
	for _, code := range [][2]int{{16, 32}, {1, 9}, {4, 16}, {16, 64}, {16, 24}} {
		k, n := code[0], code[1]
		for peers := 1; peers < n; peers++ {
			all := crowd(rng, peers, 1+rng.IntN(peers))
			holders := Place(n, k, mebibyte/1024, all, seedOf(peers))
			got := counts(holders)
			total, least, most := 0, n, 0
			for _, c := range got {
				total, least, most = total+c, min(least, c), max(most, c)
			}
			want := n
			if peers == 1 {
				want = k
			}
			if len(got) != peers || total != want || most-least > 1 {
				t.Errorf("(%d,%d) on %d peers: %d shares on %d, %d to %d each", k, n, peers, total, len(got), least, most)
			}
			if lost := Survives(k, holders); lost < holdersLost(k, n, peers) {
				t.Errorf("(%d,%d) on %d peers survives the loss of %d, want %d", k, n, peers, lost, holdersLost(k, n, peers))
			}
		}
	}
}

func TestPlaceWhereRoomIsShort(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	for i := range 500 {
		const k, n = 16, 32
		all := crowd(rng, 2+rng.IntN(30), 5)
		room := make(map[wire.PeerID]int)
		hasRoom := 0
		for j := range all {
			shares := rng.IntN(12)
			all[j].FreeBytes = uint64(shares)*mebibyte + uint64(rng.IntN(mebibyte))
			room[all[j].Peer] = shares
			hasRoom += min(shares, 1)
		}
		holders := Place(n, k, mebibyte, all, seedOf(i))
		for peer, c := range counts(holders) {
			if c > room[peer] || c > shareLimit(k, n, hasRoom) {
				t.Fatalf("a peer with room for %d shares got %d, limit %d", room[peer], c, shareLimit(k, n, hasRoom))
			}
		}
		isWhole := !slices.Contains(holders, wire.PeerID{})
		if isWhole && Survives(k, holders) < holdersLost(k, n, hasRoom) {
			t.Fatalf("all shares on %d peers survive %d, want %d", hasRoom, Survives(k, holders), holdersLost(k, n, hasRoom))
		}
	}
	for _, none := range [][]Candidate{nil, {{Peer: wire.PeerID{1}, FreeBytes: mebibyte - 1}}} {
		if got := counts(Place(32, 16, mebibyte, none, seedOf(0))); len(got) != 0 {
			t.Errorf("%d peers without room hold shares", len(got))
		}
	}
}

func TestSurvives(t *testing.T) {
	a, b, c := wire.PeerID{1}, wire.PeerID{2}, wire.PeerID{3}
	for _, x := range []struct {
		k       int
		holders []wire.PeerID
		want    int
	}{
		{1, nil, 0}, {1, []wire.PeerID{a}, 0}, {1, []wire.PeerID{a, b, c}, 2}, {2, []wire.PeerID{a, b, c}, 1},
		{2, []wire.PeerID{a, a, b, c}, 1}, {3, []wire.PeerID{a, a, b, c}, 0}, {2, []wire.PeerID{a, {}, {}}, 0}, {1, []wire.PeerID{a, {}, b}, 1},
	} {
		if got := Survives(x.k, x.holders); got != x.want {
			t.Errorf("k=%d on %d shares: survives %d, want %d", x.k, len(x.holders), got, x.want)
		}
	}
}

// A quadratic algorithm would take a hundred times as long for ten times the
// candidates; BenchmarkPlace says how long that is.
func TestPlaceScales(t *testing.T) {
	best := func(n int) time.Duration { // of several: other programs run too
		all := crowd(rand.New(rand.NewPCG(15, 16)), n, n)
		least := time.Duration(math.MaxInt64)
		for i := range 20 {
			start := time.Now()
			Place(32, 16, mebibyte, all, seedOf(i))
			least = min(least, time.Since(start))
		}
		return least
	}
	if few, many := best(1_000), best(10_000); many > 40*few {
		t.Errorf("1,000 candidates took %v, 10,000 took %v", few, many)
	}
}

func BenchmarkPlace(b *testing.B) {
	all := crowd(rand.New(rand.NewPCG(15, 16)), 10_000, 1000)
	for b.Loop() {
		Place(32, 16, mebibyte, all, seedOf(1))
	}
}
