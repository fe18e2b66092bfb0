package namesim

import (
	"context"
	"math"

	"github.com/atollnet/atoll/dht/beehive"
	"github.com/atollnet/atoll/internal/errs"
)

// Sample is what happened in one tick.
type Sample struct {
	Hours      float64 // since the start
	Hops       float64 // mean of all lookups
	StoredMean float64 // fraction of all names on a peer
	StoredMax  float64
	PushBytes  float64 // in a second, of each peer
}

// simulation is a world that moves.
type simulation struct {
	*world
	tick     int
	reversed bool
	pushed   int // copies in this tick
	reported int // counts that travelled in all
	samples  []Sample
	inbox    []report
}

type report struct {
	to    int32
	count beehive.Count[uint32]
}

const tickSeconds = beehive.TickSeconds

// Run simulates a network and returns what it did. Errors: a configuration out of
// bounds; that of the context.
func Run(ctx context.Context, c Config) (*Result, error) {
	if err := c.check(); err != nil {
		return nil, errs.New("simulate", "", errs.Usage, err)
	}
	s := &simulation{world: newWorld(c)}
	var changes Changes
	for i := range 2 * c.Intervals {
		if i == c.Intervals {
			changes = s.measureChanges()
			s.reversed = true
		}
		if err := s.interval(ctx); err != nil {
			return nil, errs.Wrap("simulate", "", err)
		}
		if c.Progress != nil {
			c.Progress(i+1, 2*c.Intervals)
		}
	}
	return s.result(changes), nil
}

func (s *simulation) interval(ctx context.Context) error {
	for t := range beehive.TicksPerInterval {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.pushed = 0
		hops := s.queries()
		s.flush()
		s.addUp()
		for i := range s.peers {
			p := &s.peers[i]
			switch t {
			case beehive.TicksPerInterval / 2: // the sums are those of the last interval by now
				p.judge.Learn(p.tally.At(0), s.config.Hops)
			case beehive.TicksPerInterval - 1:
				p.tally.SetOwn(p.homes.EndInterval(p.owned))
			}
		}
		s.place()
		s.tick++
		s.sample(hops)
	}
	return nil
}

// queries asks for names, from anywhere, for one tick, and returns the mean of
// the hops.
func (s *simulation) queries() float64 {
	n := int(s.config.Rate * float64(len(s.peers)) * tickSeconds)
	hops := 0
	for range n {
		rank := s.ranks.draw(s.random)
		if s.reversed {
			rank = len(s.byRank) - 1 - rank
		}
		hops += s.lookup(int32(s.random.IntN(len(s.peers))), s.byRank[rank])
	}
	return float64(hops) / float64(n)
}

// lookup asks one contact for each digit until one has a copy, or is the home;
// that one counts it. Peers that hold a record for Kademlia's sake do not
// answer: nobody tells them of changes within seconds.
func (s *simulation) lookup(p int32, k uint32) (hops int) {
	for !s.copies.has(p, k) {
		next, ok := s.peers[p].table.Next(s.keys[k])
		if !ok {
			break
		}
		p = next.Peer
		hops++
	}
	s.peers[p].counter.Add(k, 1)
	return hops
}

// flush moves all counts to the homes: each peer passes on what it has counted
// and, seconds later, what others told it meanwhile.
func (s *simulation) flush() {
	for range beehive.Digits {
		s.inbox = s.inbox[:0]
		for i := range s.peers {
			s.flushPeer(&s.peers[i])
		}
		if len(s.inbox) == 0 {
			return
		}
		s.reported += len(s.inbox)
		for _, r := range s.inbox {
			s.peers[r.to].counter.Add(r.count.Key, r.count.N)
		}
	}
}

func (s *simulation) flushPeer(p *peer) {
	for _, c := range p.counter.Drain() {
		if next, ok := p.table.Next(s.keys[c.Key]); ok {
			s.inbox = append(s.inbox, report{next.Peer, c})
		} else {
			p.homes.Count(c.Key, c.N)
		}
	}
}

// addUp has each peer ask its contacts for their sums.
func (s *simulation) addUp() {
	for i := range s.peers {
		p := &s.peers[i]
		for row := p.table.Depth() - 1; row >= 0; row-- {
			sums := make([]*beehive.Summary, 0, beehive.Base)
			for d := range beehive.Base {
				if slot := p.table.Slot(row, d); len(slot) > 0 {
					sums = append(sums, s.peers[slot[0].Peer].tally.At(row+1))
				}
			}
			total := beehive.Total(p.tally.At(row+1), sums)
			p.tally.Set(row, &total)
		}
	}
}

// place has each peer move the records that it is home to.
func (s *simulation) place() {
	budget := beehive.PushBytesPerSecond * tickSeconds / beehive.RecordBytes
	for i := range s.peers {
		p := &s.peers[i]
		moves := p.homes.Plan(&p.judge, float64(budget))
		if len(moves) == 0 {
			continue
		}
		p.table.Spread(0, func(row int, c beehive.Contact[int32]) {
			if due := beehive.Due(moves, row); len(due) > 0 {
				s.push(c.Peer, row, due)
			}
		})
	}
}

// push gives a peer copies, or takes them, and has it pass that on.
func (s *simulation) push(to int32, row int, moves []beehive.Move[uint32]) {
	p := &s.peers[to]
	for _, m := range moves {
		held := s.copies.has(to, m.Key)
		if gains := m.To < m.From; gains == held {
			continue
		} else if gains {
			s.copies.set(to, m.Key)
			s.pushed++
			p.stored += s.room(to, m.Key)
		} else {
			s.copies.clear(to, m.Key)
			p.stored -= s.room(to, m.Key)
		}
	}
	p.table.Spread(row+1, func(row int, c beehive.Contact[int32]) { s.push(c.Peer, row, moves) })
}

func (s *simulation) sample(hops float64) {
	sum, most := 0, 0
	for i := range s.peers {
		sum += s.peers[i].stored
		most = max(most, s.peers[i].stored)
	}
	peers, names := float64(len(s.peers)), float64(len(s.keys))
	s.samples = append(s.samples, Sample{
		Hours:      float64(s.tick) * tickSeconds / 3600,
		Hops:       hops,
		StoredMean: float64(sum) / peers / names,
		StoredMax:  float64(most) / names,
		PushBytes:  float64(s.pushed) * beehive.RecordBytes / peers / tickSeconds,
	})
}

// mean returns the mean of the hops in some ticks.
func (s *simulation) mean(from, to int) float64 {
	sum := 0.
	for _, p := range s.samples[from:to] {
		sum += p.Hops
	}
	return sum / math.Max(1, float64(to-from))
}
