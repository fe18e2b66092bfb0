package replica

import (
	"context"

	"github.com/atollnet/atoll/dht/beehive"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

// Standing is how popular a record is, and where it lies therefore.
type Standing struct {
	// PerHour is how often all peers together look it up, those that have it in
	// memory left out.
	PerHour float64
	// Level is the digits that peers share with it on which copies lie; AtHome:
	// only the nearest hold it.
	Level beehive.Level
}

const (
	intervalsPerHour = 3600 / (beehive.TickSeconds * beehive.TicksPerInterval)
	thousandths      = 1000
)

// Standing asks the home of a record how it stands. It is what one peer says, for
// people to read. It is not found if nobody on the way answers.
func (r *Replicas) Standing(ctx context.Context, key string) (s Standing, found bool) {
	if r.isHome(key) {
		return r.own(key), true
	}
	found = r.towards(ctx, key, func(ctx context.Context, p wire.PeerID) ([]next, bool, error) {
		a, err := ask[standingAnswer](ctx, r.config.Network, p, StandingProtocol, hopTimeout, standingQuestion{Key: []byte(key)}, standingBytesMax)
		if err != nil || len(a.Next) > 0 {
			return a.Next, false, err
		}
		s = Standing{PerHour: float64(a.PerHour) / thousandths, Level: beehive.Level(a.Level)}
		return nil, true, nil
	})
	return s, found
}

// own returns how a record stands that this peer is home to.
func (r *Replicas) own(key string) Standing {
	r.homesMu.Lock()
	defer r.homesMu.Unlock()
	return Standing{PerHour: r.homes.Seen(key) * intervalsPerHour, Level: r.homes.Placed(key)}
}

func (r *Replicas) serveStanding(_ context.Context, _ wire.PeerID, s *p2p.Stream) {
	serve(r, s, KeyBytesMax+16, func(q standingQuestion) any {
		if on := r.hop(string(q.Key)); on != nil {
			return standingAnswer{Next: on}
		}
		s := r.own(string(q.Key))
		return standingAnswer{PerHour: uint64(s.PerHour * thousandths), Level: uint64(s.Level)}
	})
}
