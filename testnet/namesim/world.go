package namesim

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/atollnet/atoll/dht/beehive"
)

// holders is how many peers nearest to its key keep a record anyway:
// Kademlia's k.
const holders = 20

// peer is one simulated peer.
type peer struct {
	table   *beehive.Table[int32]
	counter *beehive.Counter[uint32]
	homes   *beehive.Homes[uint32]
	tally   beehive.Tally
	judge   beehive.Judge
	stored  int // names
	owned   int // records that it is home to
}

// copies is who holds what, a bit for each name and peer. The peers of one name
// stand side by side, since a simulation mostly asks for few names and pushes a
// name to many peers.
type copies struct {
	words int // for each name
	bits  []uint64
}

func newCopies(names, peers int) copies {
	words := (peers + 63) / 64
	return copies{words, make([]uint64, names*words)}
}

func (c copies) cell(p int32, k uint32) (*uint64, uint64) {
	return &c.bits[int(k)*c.words+int(p/64)], 1 << (p % 64)
}

func (c copies) has(p int32, k uint32) bool {
	word, bit := c.cell(p, k)
	return *word&bit != 0
}

func (c copies) set(p int32, k uint32) {
	word, bit := c.cell(p, k)
	*word |= bit
}

func (c copies) clear(p int32, k uint32) {
	word, bit := c.cell(p, k)
	*word &^= bit
}

// world is all peers and records, each sorted by its place.
type world struct {
	config  Config
	random  *rand.Rand
	at      []beehive.Point // of peers
	keys    []beehive.Point // of records
	peers   []peer
	copies  copies
	holders []neighbourhood // of each record
	byRank  []uint32        // records by popularity
	ranks   *zipf
}

func newWorld(c Config) *world {
	w := &world{config: c, random: rand.New(rand.NewPCG(c.Seed, 0)), ranks: newZipf(c.Names, c.Zipf)}
	w.at, w.keys = w.points(c.Peers), w.points(c.Names)
	w.peers, w.copies = make([]peer, c.Peers), newCopies(c.Names, c.Peers)
	for i := range w.peers {
		w.peers[i] = peer{
			table:   w.contacts(int32(i)),
			counter: beehive.NewCounter[uint32](beehive.CountedMax),
			homes:   beehive.NewHomes[uint32](beehive.HomesMax),
		}
		w.peers[i].tally.SetDepth(w.peers[i].table.Depth())
	}
	w.holders = make([]neighbourhood, c.Names)
	for k := range w.keys {
		w.settle(uint32(k))
	}
	w.byRank = make([]uint32, c.Names)
	for i, k := range w.random.Perm(c.Names) {
		w.byRank[i] = uint32(k)
	}
	return w
}

// points returns n random places in order.
func (w *world) points(n int) []beehive.Point {
	points := make([]beehive.Point, n)
	for i := range points {
		for j := 0; j < len(points[i]); j += 8 {
			binary.LittleEndian.PutUint64(points[i][j:], w.random.Uint64())
		}
	}
	slices.SortFunc(points, comparePoints)
	return points
}

func comparePoints(a, b beehive.Point) int { return bytes.Compare(a[:], b[:]) }

// contacts gives a peer, for each digit of each row, some of the peers there
// are, as a peer finds them that meets others at random.
func (w *world) contacts(self int32) *beehive.Table[int32] {
	const spares = 3
	t := beehive.NewTable(beehive.Contact[int32]{Peer: self, At: w.at[self]})
	lo, hi := 0, len(w.at)
	for row := 0; hi-lo > 1; row++ {
		nextLo, nextHi := lo, hi
		for d := range beehive.Base {
			from, to := w.section(lo, hi, row, d)
			if d == w.at[self].Digit(row) {
				nextLo, nextHi = from, to
				continue
			}
			for range min(spares, to-from) {
				p := int32(from + w.random.IntN(to-from))
				t.Add(beehive.Contact[int32]{Peer: p, At: w.at[p]})
			}
		}
		lo, hi = nextLo, nextHi
	}
	return t
}

// section returns which of the peers from lo to hi, which share row digits,
// have d next.
func (w *world) section(lo, hi, row, d int) (from, to int) {
	search := func(d int) int {
		i, _ := slices.BinarySearchFunc(w.at[lo:hi], d, func(p beehive.Point, d int) int { return p.Digit(row) - d })
		return lo + i
	}
	return search(d), search(d + 1)
}

// settle finds the peers nearest to a key and gives them the record.
func (w *world) settle(k uint32) {
	near := make([]int32, 0, 8*holders)
	lo, hi, row := 0, len(w.at), 0
	for hi-lo > 4*holders { // all of the nearest lie in a section that large, or beside it
		from, to := w.section(lo, hi, row, w.keys[k].Digit(row))
		if to-from < holders {
			break
		}
		lo, hi, row = from, to, row+1
	}
	for p := lo; p < hi; p++ {
		near = append(near, int32(p))
	}
	slices.SortFunc(near, func(a, b int32) int {
		if w.keys[k].Nearer(w.at[a], w.at[b]) {
			return -1
		}
		return 1
	})
	near = slices.Clone(near[:min(len(near), holders)])
	w.holders[k] = neighbourhood{near[0], slices.Min(near), slices.Max(near), near}
	for _, p := range near {
		w.peers[p].stored++
	}
	w.peers[near[0]].owned++
}

// neighbourhood is the peers nearest to a key: who keeps the record anyway.
type neighbourhood struct {
	home        int32
	first, last int32 // by place
	all         []int32
}

// room returns what a copy takes of a peer: nothing if it has the record anyway.
func (w *world) room(p int32, k uint32) int {
	if h := &w.holders[k]; p >= h.first && p <= h.last && slices.Contains(h.all, p) {
		return 0
	}
	return 1
}
