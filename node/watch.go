package node

import (
	"context"
	"sync"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/bft/runner"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/ringnet"
)

const (
	// watchAlive is how often a member says that it is still there, watchSilence
	// how long one may say nothing before it is asked anew.
	watchAlive   = 20 * time.Second
	watchSilence = 50 * time.Second
	// watchPause is the pause before a member that failed is asked again.
	watchPause = time.Second
)

// watch tells another peer of versions as they are committed here.
func (m *member) watch(ctx context.Context, from wire.PeerID, q ringnet.Watch, more func(ringnet.News) error) (last ringnet.News, err error) {
	leave, err := m.news.admit(from)
	if err != nil {
		return last, err
	}
	defer leave()
	woken, stop := m.news.listen(q.Object)
	defer stop()
	alive := time.NewTicker(watchAlive)
	defer alive.Stop()
	for told := q.After; ; {
		head, here, err := m.rings.Head(q.Object)
		if err == nil && !here {
			err = runner.ErrUnknownObject
		}
		if err != nil {
			return last, memberError("watch", q.Object, err)
		}
		if c := head.Commit; c != nil && c.Decision.Version > told {
			told = c.Decision.Version
			if err := more(ringnet.News{Commit: c}); err != nil {
				return last, err
			}
		}
		select {
		case <-woken:
		case <-alive.C:
			if err := more(ringnet.News{}); err != nil {
				return last, err
			}
		case <-ctx.Done():
			return last, context.Cause(ctx)
		}
	}
}

// watches has the members of rings tell this gateway of versions, once for each
// object, however many of its user's programs watch it.
type watches struct {
	ring *ring
	news *news

	mu     sync.Mutex
	active map[wire.ObjectID]*watched
}

type watched struct {
	users  int
	cancel context.CancelFunc
	ended  chan struct{}
}

func newWatches(r *ring, n *news) *watches {
	return &watches{ring: r, news: n, active: make(map[wire.ObjectID]*watched)}
}

// begin has news of an object come in until end is called, which waits for all
// that belongs to it if nobody else watches.
func (w *watches) begin(object wire.ObjectID) (end func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.active[object]
	if at == nil {
		ctx, cancel := context.WithCancel(context.Background())
		at = &watched{cancel: cancel, ended: make(chan struct{})}
		w.active[object] = at
		go func() {
			defer close(at.ended)
			w.follow(ctx, object)
		}()
	}
	at.users++
	return func() { w.end(object, at) }
}

func (w *watches) end(object wire.ObjectID, at *watched) {
	w.mu.Lock()
	at.users--
	last := at.users == 0
	if last {
		delete(w.active, object)
	}
	w.mu.Unlock()
	if last {
		at.cancel()
		<-at.ended
	}
}

// follow listens to all members of the present ring, and to those of the next
// when there is one: some may lag, lie or be away.
func (w *watches) follow(ctx context.Context, object wire.ObjectID) {
	woken, stop := w.news.listen(object)
	defer stop()
	for ctx.Err() == nil {
		k, err := w.ring.find(ctx, object)
		if err != nil {
			pause(ctx, watchPause)
			continue
		}
		id := k.verified.Ring.ID()
		of, cancel := context.WithCancel(ctx)
		var members sync.WaitGroup
		for _, m := range k.verified.Ring.Members {
			if m.Peer != w.ring.self {
				members.Go(func() { w.hear(of, object, m.Peer) })
			}
		}
		for ctx.Err() == nil && k.verified.Ring.ID() == id {
			select {
			case <-woken:
			case <-ctx.Done():
			}
			if now, found := w.ring.heads.find(object); found {
				k = now
			}
		}
		cancel()
		members.Wait()
	}
}

// pause waits for a while, or until the context ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// hear takes what one member tells, and asks again when it fails or falls silent.
func (w *watches) hear(ctx context.Context, object wire.ObjectID, m wire.PeerID) {
	for ctx.Err() == nil {
		k, err := w.ring.find(ctx, object)
		if err == nil {
			err = w.listen(ctx, object, m, k.verified.Decision.Version)
		}
		if ctx.Err() != nil {
			return
		}
		w.ring.log.Debug("watching", "object", object.String(), "peer", m.String(), "error", err)
		if fresh, err := w.ring.ask(ctx, object, k); err == nil && bft.Compare(fresh.verified, k.verified) > 0 {
			w.news.tell(object) // the ring may be another one by now
		}
		pause(ctx, watchPause)
	}
}

func (w *watches) listen(ctx context.Context, object wire.ObjectID, m wire.PeerID, after wire.Version) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := time.AfterFunc(watchSilence, func() { cancel(errs.Newf("watch", m.String(), errs.Timeout, "it says nothing")) })
	defer silent.Stop()
	return ringnet.Listen(ctx, w.ring.calls, m, ringnet.KindWatch, ringnet.Watch{Object: object, After: after}, func(n ringnet.News) error {
		silent.Reset(watchSilence)
		if n.Commit == nil {
			return nil
		}
		return w.take(ctx, object, m, *n.Commit)
	})
}

// take checks a certificate that a member tells of, and wakes those who wait if it
// is new.
func (w *watches) take(ctx context.Context, object wire.ObjectID, m wire.PeerID, c bft.Certificate) error {
	k, err := w.ring.find(ctx, object)
	if err != nil {
		return err
	}
	if c.Decision.Ring != k.verified.Ring.ID() || c.Decision.NextRing != (wire.RingCertID{}) {
		if _, err := w.ring.ask(ctx, object, k); err != nil {
			return err
		}
		w.news.tell(object)
		return nil
	}
	if c.Decision.Version <= k.verified.Decision.Version {
		return nil
	}
	if err := c.Verify(bft.Commit, k.verified.Ring); err != nil {
		return errs.New("watch", m.String(), errs.NoQuorum, err)
	}
	w.ring.heads.commit(object, c) // which wakes
	return nil
}
