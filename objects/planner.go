package objects

import (
	"sync"

	"github.com/atollnet/atoll/objects/plan"
)

// planner remembers the plans for the present goal: planning takes longer than
// a small put should.
type planner struct {
	mu   sync.Mutex
	goal plan.Goal // of the plans; that of the default durability
	made map[float64]plan.Redundancy
}

// plansMax bounds the plans that are remembered, by nines asked for.
const plansMax = 64

func (p *planner) redundancy(goal plan.Goal, nines float64) plan.Redundancy {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.goal != goal || len(p.made) >= plansMax {
		p.goal, p.made = goal, make(map[float64]plan.Redundancy)
	}
	r, known := p.made[nines]
	if !known {
		if nines > 0 {
			goal.NinesPerYear = nines
		}
		r = plan.Plan(goal)
		p.made[nines] = r
	}
	return r
}

// Assumed is what plans are made for: the goal, and the peers at hand.
func (g *Gateway) Assumed() plan.Goal {
	goal := g.Goal()
	goal.Peers = len(g.Peers.Candidates())
	return goal
}

// redundancy returns the plan for so many nines; 0 is the goal's own.
func (g *Gateway) redundancy(nines float64) plan.Redundancy {
	return g.planner.redundancy(g.Assumed(), nines)
}

// Threshold says at how many live shares a (k, n) extent is to be repaired, by
// the plan for the peers at hand.
func (g *Gateway) Threshold(k, n int) int { return g.redundancy(0).Threshold(k, n) }
