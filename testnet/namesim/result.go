package namesim

import "github.com/atollnet/atoll/dht/beehive"

// Result is what a simulation shows.
type Result struct {
	Config  Config
	Samples []Sample // one for each tick
	Changes Changes
	Seen    beehive.Model // the network as a peer estimates it
	Closed  beehive.Model // the network as it is
	Before  float64       // mean hops in the last two intervals before the reversal
	First   float64       // in the first interval after the reversal
	After   float64       // in the two intervals that begin two intervals after it
	Last    float64       // in the last interval
	Reports float64       // bytes that a peer sends in a second to tell counts and sums
}

func (s *simulation) result(c Changes) *Result {
	n := beehive.TicksPerInterval
	turn := s.config.Intervals * n
	contacts := 0
	for i := range s.peers {
		s.peers[i].table.Spread(0, func(int, beehive.Contact[int32]) { contacts++ })
	}
	sent := float64(s.reported)*countBytes + float64(contacts*s.tick)*sumBytes
	return &Result{
		Reports: sent / float64(len(s.peers)) / float64(s.tick) / tickSeconds,
		Config:  s.config, Samples: s.samples, Changes: c,
		Seen: s.peers[0].judge.Model(),
		Closed: beehive.Model{Base: beehive.Base, Peers: float64(len(s.peers)), Records: float64(len(s.keys)),
			Alpha: s.config.Zipf, Hops: s.config.Hops},
		Before: s.mean(turn-2*n, turn),
		First:  s.mean(turn, turn+n),
		After:  s.mean(turn+2*n, turn+4*n),
		Last:   s.mean(2*turn-n, 2*turn),
	}
}
