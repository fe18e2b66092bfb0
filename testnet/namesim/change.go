package namesim

import (
	"container/heap"
	"slices"
	"time"

	"github.com/atollnet/atoll/dht/beehive"
)

// Changes says how fast changes reached the copies.
type Changes struct {
	Names      int           // changed
	Copies     int           // on live peers, of all of them
	Within     float64       // fraction that had the change a second after its owner sent it
	Half, Most time.Duration // after which half, and 98 %, had it
	Never      int           // copies that did not get it: they end with their lease
}

// arrival is a change that reaches a peer.
type arrival struct {
	at   time.Duration
	peer int32
	row  int // it passes it on from this row
}

type arrivals []arrival

func (a arrivals) Len() int           { return len(a) }
func (a arrivals) Less(i, j int) bool { return a[i].at < a[j].at }
func (a arrivals) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *arrivals) Push(x any)        { *a = append(*a, x.(arrival)) }
func (a *arrivals) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

// measureChanges changes names that are copied, while some peers are dead.
func (s *simulation) measureChanges() Changes {
	dead := make([]bool, len(s.peers))
	for i := range dead {
		dead[i] = s.random.Float64() < s.config.Dead
	}
	var c Changes
	var times []time.Duration
	for c.Names < s.config.Changes {
		k := s.byRank[s.ranks.draw(s.random)]
		home := s.holders[k].home
		if dead[home] {
			continue // its neighbour would be home by now
		}
		c.Names++
		had := s.change(k, home, dead)
		for p := range s.peers {
			if !dead[p] && int32(p) != home && s.copies.has(int32(p), k) {
				c.Copies++
				if had[p] == 0 {
					c.Never++
				} else {
					times = append(times, had[p])
				}
			}
		}
	}
	slices.Sort(times)
	in, _ := slices.BinarySearch(times, time.Second+1)
	if c.Copies > 0 {
		c.Within = float64(in) / float64(c.Copies)
		c.Half, c.Most = at(times, .5), at(times, .98)
	}
	return c
}

func at(times []time.Duration, part float64) time.Duration {
	if len(times) == 0 {
		return 0
	}
	return times[int(part*float64(len(times)-1))]
}

// change sends a new version of a name to its home, which pushes it to all
// copies, and returns when each peer had it.
func (s *simulation) change(k uint32, home int32, dead []bool) []time.Duration {
	had := make([]time.Duration, len(s.peers))
	level := s.peers[home].homes.Placed(k)
	queue := arrivals{{link, home, int(level)}}
	for len(queue) > 0 {
		a := heap.Pop(&queue).(arrival)
		if had[a.peer] != 0 {
			continue
		}
		had[a.peer] = a.at
		sent := a.at
		s.peers[a.peer].table.Spread(a.row, func(row int, c beehive.Contact[int32]) {
			sent += sendTime
			wait := sent
			for _, spare := range s.peers[a.peer].table.Slot(row, c.At.Digit(row)) {
				if !dead[spare.Peer] {
					heap.Push(&queue, arrival{wait + link, spare.Peer, row + 1})
					return
				}
				wait += slow
			}
		})
	}
	return had
}
