package replica

import (
	"context"

	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
)

// reporter is what a peer has added to the counts in this tick.
type reporter struct {
	lookups uint32
	keys    int // that were not counted before
}

func (r *Replicas) serveReport(_ context.Context, from wire.PeerID, s *p2p.Stream) {
	serve(r, s, reportBytesMax, func(q report) any {
		r.takeReport(from, q.Counts)
		return done{}
	})
}

// takeReport adds counts to those of this peer, as far as one peer may. Counts
// travel towards the record, so that those of records which lie nearer to the
// peer that reports them are none of this peer's.
func (r *Replicas) takeReport(from wire.PeerID, counts []count) {
	r.mu.Lock()
	defer r.mu.Unlock()
	by := r.reporters[from]
	if by == nil {
		if len(r.reporters) >= reportersMax {
			return
		}
		by = new(reporter)
		r.reporters[from] = by
	}
	self, at := r.table.Self().At, pointOfPeer(from)
	for _, c := range counts {
		key := string(c.Key)
		if !pointOfKey(key).Nearer(self, at) {
			continue
		}
		n := min(c.N, reportedMax-by.lookups)
		known := r.counter.Has(key)
		if n == 0 || !known && by.keys >= reportedKeysMax {
			continue
		}
		if !known {
			by.keys++
		}
		by.lookups += n
		r.counter.Add(key, n)
	}
	select {
	case r.relay <- struct{}{}:
	default:
	}
}
