package runner

import (
	"testing"
	"time"

	"github.com/atollnet/atoll/internal/wire"
)

// A dead leader is left after eight round trips, and no sooner, where members are
// far apart. How much later depends on who suspects first.
func TestTimersGoByTheDistance(t *testing.T) {
	for far, least := range map[time.Duration]time.Duration{
		0:                      time.Second,
		100 * time.Millisecond: time.Second,
		500 * time.Millisecond: 4 * time.Second,
	} {
		virtual(t, func(t *testing.T) {
			if took := leaveDeadLeader(t, far); took < least {
				t.Errorf("%v away: left after %v, want %v at the least", far, took, least)
			}
		})
	}
}

// leaveDeadLeader returns how long an update waits in a ring whose leader is dead
// and whose members find each other far away; 0: they do not know.
func leaveDeadLeader(t *testing.T, far time.Duration) time.Duration {
	c := newCluster(t, 4)
	defer c.stopAll()
	for _, h := range c.hosts {
		h.RoundTrip = func(wire.PeerID) (time.Duration, bool) { return far, far > 0 }
	}
	g := newGenesis("far", 4)
	object := c.create(g)
	ring := g.Body.Ring()
	leader := ring.Leader(0)
	c.stop(leader)
	start := time.Now()
	c.submit((leader+1)%4, object, "x")
	return time.Since(start)
}
