package replica

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/atollnet/atoll/dht/beehive"
	"github.com/atollnet/atoll/internal/wire"
)

// ticks passes on counts, adds up and places records until the context ends.
func (r *Replicas) ticks(ctx context.Context) {
	tick, relay := time.NewTicker(r.config.Tick), time.NewTicker(relayEvery)
	defer tick.Stop()
	defer relay.Stop()
	for n := 0; ; {
		select {
		case <-tick.C:
			r.tick(ctx, n%beehive.TicksPerInterval)
			n++
		case <-relay.C:
			select {
			case <-r.relay:
				r.report(ctx)
			default:
			}
		case <-ctx.Done():
			return
		}
	}
}

// tick is one of the ticks of an interval. Half way the sums are those of the
// last interval everywhere; at the end this peer's own are due.
func (r *Replicas) tick(ctx context.Context, n int) {
	r.mu.Lock()
	clear(r.reporters)
	r.mu.Unlock()
	r.report(ctx)
	r.addUp(ctx)
	switch n {
	case beehive.TicksPerInterval / 2:
		r.mu.Lock()
		total := *r.tally.At(0)
		r.mu.Unlock()
		r.judge.Learn(&total, HopsWanted)
	case beehive.TicksPerInterval - 1:
		r.endInterval(ctx)
	}
	r.place(ctx)
}

// report passes on what was counted: to the next peer towards each record, or,
// at its home, to the estimates.
func (r *Replicas) report(ctx context.Context) {
	r.mu.Lock()
	counts := slices.Clone(r.counter.Drain())
	reports := map[wire.PeerID][]count{}
	var order []beehive.Contact[wire.PeerID]
	var home []beehive.Count[string]
	for _, c := range counts {
		to, ok := r.table.Next(pointOfKey(c.Key))
		if !ok {
			home = append(home, c)
			continue
		}
		if reports[to.Peer] == nil {
			order = append(order, to)
		}
		reports[to.Peer] = append(reports[to.Peer], count{Key: []byte(c.Key), N: min(c.N, countMax)})
	}
	r.mu.Unlock()
	for _, c := range home {
		if _, found := r.config.Records.Held(ctx, c.Key); found { // others count what they like
			r.homesMu.Lock()
			r.homes.Count(c.Key, c.N)
			r.homesMu.Unlock()
		}
	}
	for _, to := range order {
		for part := range slices.Chunk(reports[to.Peer], CountsMax) {
			if _, err := ask[done](ctx, r.config.Network, to.Peer, ReportProtocol, askTimeout, report{Counts: part}, 1); err != nil {
				r.log.Debug("counts are lost", "peer", to.Peer, "error", err)
				break
			}
		}
	}
}

// addUp asks the contacts of each row for their sums, the deepest row first.
func (r *Replicas) addUp(ctx context.Context) {
	r.mu.Lock()
	depth := r.table.Depth()
	r.mu.Unlock()
	for row := depth - 1; row >= 0; row-- {
		sums := r.sums(ctx, row)
		r.mu.Lock()
		if row < r.table.Depth() { // it may have lost some meanwhile
			total := beehive.Total(r.tally.At(row+1), sums)
			r.tally.Set(row, &total)
		}
		r.mu.Unlock()
	}
}

// sums returns what the contacts of a row say.
func (r *Replicas) sums(ctx context.Context, row int) []*beehive.Summary {
	r.mu.Lock()
	var contacts []wire.PeerID
	for digit := range beehive.Base {
		if slot := r.table.Slot(row, digit); len(slot) > 0 {
			contacts = append(contacts, slot[0].Peer)
		}
	}
	r.mu.Unlock()
	var mu sync.Mutex
	var sums []*beehive.Summary
	var asked sync.WaitGroup
	room := make(chan struct{}, askedAtOnce)
	for _, p := range contacts {
		room <- struct{}{}
		asked.Go(func() {
			defer func() { <-room }()
			a, err := ask[sumAnswer](ctx, r.config.Network, p, SumProtocol, askTimeout, sumQuestion{Row: uint64(row + 1)}, sumBytesMax)
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			sums = append(sums, &beehive.Summary{Peers: a.Peers, Unasked: a.Unasked, Asked: a.Asked})
		})
	}
	asked.Wait()
	return sums
}

// endInterval tells how popular the records are that this peer is home to.
func (r *Replicas) endInterval(ctx context.Context) {
	all := 0
	err := r.config.Records.Keys(ctx, func(key string) {
		if r.isHome(key) {
			all++
		}
	})
	if err != nil {
		r.log.Warn("cannot count the records held", "error", err)
	}
	r.homesMu.Lock()
	own := r.homes.EndInterval(all)
	r.homesMu.Unlock()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tally.SetOwn(own)
}

func (r *Replicas) isHome(key string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, elsewhere := r.table.Next(pointOfKey(key))
	return !elsewhere
}

// place moves records to the levels that their popularity gives them, and
// withdraws those that this peer is home to no longer: their new home brings its
// own copies.
func (r *Replicas) place(ctx context.Context) {
	budget := beehive.PushBytesPerSecond * r.config.Tick.Seconds() / beehive.RecordBytes
	r.homesMu.Lock()
	moves := r.homes.Plan(&r.judge, budget)
	r.homesMu.Unlock()
	for _, m := range moves {
		if !r.isHome(m.Key) || !r.placeAt(ctx, m.Key, m.To) {
			r.forgetHome(m.Key)
		}
	}
	for _, key := range r.placed() {
		if _, held := r.config.Records.Held(ctx, key); !held || !r.isHome(key) {
			r.forgetHome(key)
			r.placeAt(ctx, key, beehive.AtHome)
		}
	}
}

// forgetHome notes that a record is not placed any more.
func (r *Replicas) forgetHome(key string) {
	r.homesMu.Lock()
	defer r.homesMu.Unlock()
	r.homes.Forget(key)
}

func (r *Replicas) placed() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var keys []string
	for key, e := range r.copies.byKey {
		if e.own != beehive.AtHome {
			keys = append(keys, key)
		}
	}
	return keys
}

// placeAt has a record lie at a level, and reports whether it does.
func (r *Replicas) placeAt(ctx context.Context, key string, level beehive.Level) bool {
	var value []byte
	var expires time.Time
	if level != beehive.AtHome {
		var found bool
		var err error
		if value, found = r.config.Records.Held(ctx, key); !found {
			return false
		}
		if expires, err = r.config.Records.Check(key, value); err != nil {
			return false
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	e := r.copies.byKey[key]
	switch {
	case e == nil && level == beehive.AtHome:
		return true
	case level != beehive.AtHome && r.barred(key, time.Now()):
		return false
	case e == nil && !r.copies.room(key, value):
		return false
	case e == nil:
		e = newEntry(r.table.Self().At, key, level)
		r.update(e, func() { e.set(value, expires) })
		return true
	}
	r.update(e, func() { e.own = level })
	if value != nil {
		r.renew(e, value, expires)
	}
	return true
}
