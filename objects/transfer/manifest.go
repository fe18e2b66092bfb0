package transfer

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// Manifest returns the manifest of an extent, checked against its id: from
// memory, or from the holders, the fastest first. It must not be changed. The
// error is of kind TooFew, or Damaged if what has this id is no manifest.
func (f *Fetcher) Manifest(ctx context.Context, s Source) (*extent.Manifest, error) {
	if m := f.manifests.get(s.Extent); m != nil {
		return m, nil
	}
	named := unique(s.Holders)
	m, err := f.firstManifest(ctx, s.Extent, named)
	if err != nil && errs.KindOf(err) != errs.Damaged && f.cfg.Locate != nil && ctx.Err() == nil {
		m, err = f.locatedManifest(ctx, s.Extent, named, err)
	}
	switch {
	case err == nil:
		f.manifests.put(s.Extent, m)
		return m, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errs.KindOf(err) == errs.Damaged:
		return nil, err
	}
	return nil, tooFew(s.Extent, fmt.Errorf("no holder gave its manifest: %w", err))
}

// locatedManifest asks peers that may hold the extent and were not asked yet.
func (f *Fetcher) locatedManifest(ctx context.Context, id wire.ExtentID, asked []wire.PeerID, before error) (*extent.Manifest, error) {
	peers, err := f.cfg.Locate(ctx, id)
	if err != nil {
		return nil, errors.Join(before, err)
	}
	peers = peers[:min(len(peers), f.cfg.LocatedMax)]
	peers = slices.DeleteFunc(slices.Clone(peers), func(p wire.PeerID) bool { return slices.Contains(asked, p) })
	if len(peers) == 0 {
		return nil, before
	}
	return f.firstManifest(ctx, id, peers)
}

var errNobody = errors.New("no holder is known")

// firstManifest asks peers, the fastest first, until one has answered.
func (f *Fetcher) firstManifest(ctx context.Context, id wire.ExtentID, peers []wire.PeerID) (*extent.Manifest, error) {
	peers = slices.Clone(peers)
	slices.SortStableFunc(peers, func(a, b wire.PeerID) int { return int(f.peers.rank(a, 0) - f.peers.rank(b, 0)) })
	return race(ctx, peers, f.cfg.HedgeMin, func(ctx context.Context, p wire.PeerID) (*extent.Manifest, error) {
		began := time.Now()
		m, _, err := f.askManifest(ctx, p, id)
		if took := time.Since(began); ctx.Err() != nil && took >= f.cfg.HedgeMin {
			f.peers.slow(p, 0, took)
		}
		return m, err
	})
}

// race asks one peer, another whenever one fails, and as many again as are
// under way whenever these are late; it returns the first answer, or the first
// error that says that none can be had.
func race[T any](ctx context.Context, peers []wire.PeerID, late time.Duration, ask func(context.Context, wire.PeerID) (T, error)) (answer T, err error) {
	type result struct {
		answer T
		err    error
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	results := make(chan result, len(peers))
	live := 0
	start := func(more int) {
		for ; more > 0 && len(peers) > 0; more-- {
			peer := peers[0]
			peers = peers[1:]
			live++
			running.Go(func() {
				answer, err := ask(ctx, peer)
				results <- result{answer, err}
			})
		}
	}
	start(1)
	err = errNobody
	for live > 0 {
		timer := time.NewTimer(late)
		select {
		case r := <-results:
			if r.err == nil || errs.KindOf(r.err) == errs.Damaged {
				return r.answer, r.err
			}
			live--
			err = r.err
			start(1)
		case <-timer.C:
			start(live)
		case <-ctx.Done():
			return answer, context.Cause(ctx)
		}
		timer.Stop()
	}
	return answer, err
}

// manifestCache keeps the manifests used last.
type manifestCache struct {
	max   int
	mu    sync.Mutex
	by    map[wire.ExtentID]*list.Element // of kept
	order *list.List                      // the last used first
}

type kept struct {
	id wire.ExtentID
	m  *extent.Manifest
}

func newManifestCache(max int) *manifestCache {
	return &manifestCache{max: max, by: make(map[wire.ExtentID]*list.Element), order: list.New()}
}

func (c *manifestCache) get(id wire.ExtentID) *extent.Manifest {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.by[id]
	if !ok {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(kept).m
}

func (c *manifestCache) put(id wire.ExtentID, m *extent.Manifest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.by[id]; ok {
		return
	}
	if len(c.by) >= c.max {
		oldest := c.order.Back()
		delete(c.by, oldest.Value.(kept).id)
		c.order.Remove(oldest)
	}
	c.by[id] = c.order.PushFront(kept{id, m})
}
