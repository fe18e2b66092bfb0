package transfer

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

// pieces are proved ranges of shares, by share.
type pieces map[int][]byte

// collector brings one part of k distinct shares together.
type collector struct {
	r       *reading
	p       part
	k       int
	results chan fetched
	running sync.WaitGroup

	have   pieces
	flying []flight
	took   []time.Duration // of what has come
	tried  map[Holding]bool
	failed int
	last   error
}

// flight is a request under way.
type flight struct {
	holding  Holding
	began    time.Time
	expected time.Duration // how long it is likely to take; 0: unknown
	late     bool          // it is not counted on any more
}

// fetched is what came of a request.
type fetched struct {
	holding Holding
	piece   []byte
	err     error
}

// collect returns k proved pieces of the part. It asks the fastest holders
// first, and one more for each that is late or fails.
func (r *reading) collect(ctx context.Context, p part) (pieces, error) {
	ctx, cancel := context.WithCancel(ctx)
	c := &collector{
		r: r, p: p, k: int(r.m.K), results: make(chan fetched),
		have: make(pieces), tried: make(map[Holding]bool),
	}
	defer c.running.Wait()
	defer c.noteUnfinished()
	defer cancel()
	for len(c.have) < c.k {
		if err := c.step(ctx); err != nil {
			return nil, err
		}
	}
	return c.have, nil
}

// step asks whom there is to ask and waits for something to happen.
func (c *collector) step(ctx context.Context) error {
	more := c.r.roster.changed()
	c.markLate()
	if !c.ask(ctx) && !c.r.roster.locate() && len(c.flying) == 0 {
		if ctx.Err() != nil { // the search ended with it, and found nothing for that reason
			return context.Cause(ctx)
		}
		return c.tooFew()
	}
	timer := time.NewTimer(c.untilLate())
	defer timer.Stop()
	select {
	case got := <-c.results:
		c.settle(got)
	case <-more:
	case <-timer.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

func (c *collector) tooFew() error {
	cause := fmt.Errorf("%d of %d shares could be had, %d holders failed", len(c.have), c.k, c.failed)
	if c.last != nil {
		cause = fmt.Errorf("%w; the last: %w", cause, c.last)
	}
	return tooFew(c.r.id, cause)
}

// ask starts requests until as many are in time as shares are wanting. It
// reports whether there were enough holders to ask.
func (c *collector) ask(ctx context.Context) bool {
	inTime := 0
	for _, f := range c.flying {
		if !f.late {
			inTime++
		}
	}
	for ; len(c.have)+inTime < c.k; inTime++ {
		h, ok := c.r.roster.best(c)
		if !ok {
			return false
		}
		c.tried[h] = true
		c.flying = append(c.flying, flight{holding: h, began: time.Now(), expected: c.r.f.peers.expected(h.Peer, c.p.length)})
		c.running.Go(func() {
			piece, err := c.r.f.fetch(ctx, c.r.id, c.r.m, h, c.p)
			select {
			case c.results <- fetched{h, piece, err}:
			case <-ctx.Done():
			}
		})
	}
	return true
}

// wants reports whether a holding would help: not asked yet, and of a share
// that is neither there nor on its way in time.
func (c *collector) wants(h Holding) bool {
	if c.tried[h] || c.have[h.Share] != nil {
		return false
	}
	return !slices.ContainsFunc(c.flying, func(f flight) bool { return f.holding.Share == h.Share && !f.late })
}

// load returns how many requests of this part are at a holder's peer.
func (c *collector) load(h Holding) (n int) {
	for _, f := range c.flying {
		if f.holding.Peer == h.Peer {
			n++
		}
	}
	return n
}

// settle takes in what came of a request.
func (c *collector) settle(got fetched) {
	i := slices.IndexFunc(c.flying, func(f flight) bool { return f.holding == got.holding })
	began := c.flying[i].began
	c.flying = slices.Delete(c.flying, i, i+1)
	if got.err != nil {
		c.failed++
		c.last = fmt.Errorf("%v: %w", got.holding.Peer, got.err)
		c.r.roster.drop(got.holding)
		return
	}
	c.have[got.holding.Share] = got.piece
	c.took = append(c.took, time.Since(began))
}

// patience returns how long a request may take before it counts as late.
func (c *collector) patience(f *flight) time.Duration {
	if 2*len(c.took) >= c.k {
		return max(3*c.took[len(c.took)/2], c.r.f.cfg.HedgeMin)
	}
	return min(max(3*f.expected, c.r.f.cfg.HedgeFirst), c.r.f.cfg.HedgeMax)
}

// markLate stops counting on requests that take too long.
func (c *collector) markLate() {
	slices.Sort(c.took)
	for i := range c.flying {
		f := &c.flying[i]
		f.late = f.late || time.Since(f.began) >= c.patience(f)
	}
}

// untilLate returns when the next request will be late.
func (c *collector) untilLate() time.Duration {
	least := time.Hour
	for i := range c.flying {
		if f := &c.flying[i]; !f.late {
			least = min(least, c.patience(f)-time.Since(f.began))
		}
	}
	return least
}

// noteUnfinished remembers of those that were late how slow they are, at least.
func (c *collector) noteUnfinished() {
	for _, f := range c.flying {
		if f.late {
			c.r.f.peers.slow(f.holding.Peer, c.p.length, time.Since(f.began))
		}
	}
}
