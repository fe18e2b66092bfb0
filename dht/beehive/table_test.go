package beehive

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"
)

func pointOf(kind byte, n int) Point {
	return sha256.Sum256(binary.BigEndian.AppendUint32([]byte{kind}, uint32(n)))
}

// network returns the tables of n peers that all know each other.
func network(n int) []*Table[int] {
	tables := make([]*Table[int], n)
	for i := range tables {
		tables[i] = NewTable(Contact[int]{i, pointOf(1, i)})
		for j := range n {
			tables[i].Add(Contact[int]{j, pointOf(1, j)})
		}
	}
	return tables
}

func TestLookupsReachTheHome(t *testing.T) {
	const peers = 300
	tables := network(peers)
	for k := range 200 {
		key := pointOf(2, k)
		home := 0
		for i := range peers {
			if key.Nearer(pointOf(1, i), pointOf(1, home)) {
				home = i
			}
		}
		for at, hops := k%peers, 0; ; hops++ {
			next, ok := tables[at].Next(key)
			if !ok {
				if at != home {
					t.Errorf("key %d: ends at %d, home is %d", k, at, home)
				}
				break
			}
			if before := pointOf(1, at); next.At.Shared(key) < before.Shared(key) || !key.Nearer(next.At, before) {
				t.Fatalf("key %d: from %d to %d, which is not nearer", k, at, next.Peer)
			}
			if at = next.Peer; hops > 5 {
				t.Fatalf("key %d: %d hops among %d peers", k, hops, peers)
			}
		}
	}
}

// A push from any peer reaches each peer of its level, once.
func TestSpreadReachesEachPeerOnce(t *testing.T) {
	const peers = 300
	tables := network(peers)
	for level := range 3 {
		for from := 0; from < peers; from += 37 {
			got := make([]int, peers)
			var spread func(at, row int)
			spread = func(at, row int) {
				got[at]++
				tables[at].Spread(row, func(row int, c Contact[int]) { spread(c.Peer, row+1) })
			}
			spread(from, level)
			for i, n := range got {
				want := 0
				if pointOf(1, i).Shared(pointOf(1, from)) >= level {
					want = 1
				}
				if n != want {
					t.Errorf("level %d from %d: peer %d got it %d times, want %d", level, from, i, n, want)
				}
			}
		}
	}
}

// Hostile peers may choose where they lie; a table has room for a few in each
// place.
func TestTableIsBounded(t *testing.T) {
	table := NewTable(Contact[int]{0, Point{}})
	if table.Add(Contact[int]{0, Point{}}) {
		t.Error("a peer knows itself as a contact")
	}
	for i := 1; i < 1000; i++ {
		at := Point{0: 0x10}
		binary.BigEndian.PutUint16(at[30:], uint16(i))
		table.Add(Contact[int]{i, at})
	}
	if n := len(table.Slot(0, 1)); n != sparesMax {
		t.Errorf("%d contacts for one digit, limit %d", n, sparesMax)
	}
	first := table.Slot(0, 1)[0]
	table.Remove(first)
	if next, ok := table.Next(Point{0: 0x10}); !ok || next.Peer == first.Peer {
		t.Errorf("after %d is gone, %d is asked", first.Peer, next.Peer)
	}
	for _, c := range append([]Contact[int]{}, table.Slot(0, 1)...) {
		table.Remove(c)
	}
	table.Remove(first) // is not there
	if _, ok := table.Next(Point{0: 0x10}); ok || table.Depth() != 0 {
		t.Error("contacts are left")
	}
}

// After as many rounds as there are rows each peer knows the sum over all.
func TestTallyAddsUpAllPeers(t *testing.T) {
	const peers = 200
	tables, tallies := network(peers), make([]Tally, peers)
	for i := range tallies {
		s := Summary{Peers: 1, Unasked: uint64(i)}
		s.Asked[i%Buckets] = 2
		tallies[i].SetOwn(s)
		tallies[i].SetDepth(tables[i].Depth())
	}
	for range 6 {
		for i := range tallies {
			for row := tables[i].Depth() - 1; row >= 0; row-- {
				var sums []*Summary
				for digit := range Base {
					if slot := tables[i].Slot(row, digit); len(slot) > 0 {
						sums = append(sums, tallies[slot[0].Peer].At(row+1))
					}
				}
				total := Total(tallies[i].At(row+1), sums)
				tallies[i].Set(row, &total)
			}
		}
	}
	for i := range tallies {
		if s := tallies[i].At(0); s.Peers != peers || s.Records() != peers*(peers-1)/2+2*peers {
			t.Fatalf("peer %d sees %d peers, %.0f records", i, s.Peers, s.Records())
		}
	}
}

func TestLiarsAreCountedAsTheUsual(t *testing.T) {
	honest := Summary{Peers: 100, Unasked: 5000}
	liar := Summary{Peers: 1 << 60, Unasked: 1 << 60}
	total := Total(&honest, []*Summary{&honest, &liar, &honest})
	if total.Peers != 300 || total.Records() != 15000 {
		t.Errorf("%d peers and %.0f records with a liar among three contacts", total.Peers, total.Records())
	}
	small := Summary{Peers: 1}
	large := Summary{Peers: 9, Unasked: 500}
	if total := Total(&small, []*Summary{&large}); total.Peers != 9 || total.Records() != 500 {
		t.Errorf("chance is taken for a lie: %+v", total)
	}
}

func TestASlowContactIsTheLastResort(t *testing.T) {
	table := NewTable(Contact[int]{0, Point{}})
	a, b := Contact[int]{1, Point{0: 0x10, 5: 1}}, Contact[int]{2, Point{0: 0x10, 5: 2}}
	table.Add(a)
	if table.Demote(a) {
		t.Error("turned to another contact where there is none")
	}
	table.Add(b)
	if !table.Demote(a) || table.Slot(0, 1)[0] != b || table.Slot(0, 1)[1] != a {
		t.Errorf("contacts %v after the first was slow", table.Slot(0, 1))
	}
	if table.Demote(a) || table.Demote(Contact[int]{3, Point{}}) {
		t.Error("a contact that is not in use was demoted")
	}
}
