package transfer

import (
	"context"
	"slices"
	"sync"

	"github.com/atollnet/atoll/internal/wire"
)

// roster is who may be asked for shares of one extent, during one Read. It
// begins with those that the source names; others are located when these do
// not suffice.
type roster struct {
	f      *Fetcher
	ctx    context.Context // of the Read, which waits for what runs in it
	extent wire.ExtentID
	n      int // shares of the extent

	running sync.WaitGroup // locating

	mu       sync.Mutex
	holdings []Holding
	locating bool
	located  bool
	grown    chan struct{} // closed and replaced when holdings come, and when locating ends
}

func newRoster(ctx context.Context, f *Fetcher, s Source, n int) *roster {
	r := &roster{f: f, ctx: ctx, extent: s.Extent, n: n, grown: make(chan struct{})}
	r.located = f.cfg.Locate == nil
	for _, h := range s.Holders {
		r.add(h)
	}
	return r
}

// add adds a holding, if it is one and there is room.
func (r *roster) add(h Holding) {
	if h.Share < 0 || h.Share >= r.n || h.Peer.IsZero() || len(r.holdings) >= fetchHoldingsMax || slices.Contains(r.holdings, h) {
		return
	}
	r.holdings = append(r.holdings, h)
}

// changed is closed when holdings come or locating ends.
func (r *roster) changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.grown
}

// best returns the holding that is likely to answer first among those that the
// collector wants. Of equals the lowest share is taken: data fragments need no
// decoding.
func (r *roster) best(c *collector) (best Holding, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var least rank
	for _, h := range r.holdings {
		if !c.wants(h) {
			continue
		}
		rank := r.f.peers.rank(h.Peer, c.load(h))
		if !ok || rank < least || rank == least && h.Share < best.Share {
			best, least, ok = h, rank, true
		}
	}
	return best, ok
}

// drop forgets a holding that failed.
func (r *roster) drop(h Holding) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holdings = slices.DeleteFunc(r.holdings, func(x Holding) bool { return x == h })
}

// locate begins to look for further holders, once. It reports whether there is
// hope: the search is under way.
func (r *roster) locate() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.located && !r.locating {
		r.locating = true
		r.running.Go(r.search)
	}
	return r.locating
}

// search asks peers that may hold shares which they hold.
func (r *roster) search() {
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.locating, r.located = false, true
		r.wake()
	}()
	peers, err := r.f.cfg.Locate(r.ctx, r.extent)
	if err != nil {
		return
	}
	peers = peers[:min(len(peers), r.f.cfg.LocatedMax)]
	var asked sync.WaitGroup
	slots := make(chan struct{}, fetchLocateAtOnce)
	for _, peer := range peers {
		slots <- struct{}{}
		asked.Go(func() {
			defer func() { <-slots }()
			r.inquire(peer)
		})
	}
	asked.Wait()
}

// inquire asks one peer what it holds.
func (r *roster) inquire(peer wire.PeerID) {
	_, held, err := r.f.askManifest(r.ctx, peer, r.extent)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, share := range held {
		r.add(Holding{peer, int(share)})
	}
	r.wake()
}

// wake tells who waits. The caller holds mu.
func (r *roster) wake() {
	close(r.grown)
	r.grown = make(chan struct{})
}

// all returns every holding, those located included.
func (r *roster) all(ctx context.Context) []Holding {
	for {
		changed := r.changed()
		if !r.locate() {
			break
		}
		select {
		case <-changed:
		case <-ctx.Done():
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.holdings)
}

// wait returns when no search runs any more.
func (r *roster) wait() { r.running.Wait() }
