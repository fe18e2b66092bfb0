package node

import (
	"context"
	"time"

	"github.com/atollnet/atoll/internal/wire"
)

const (
	// uptimeTick is how often the peer's own uptime is written down: leases run
	// on it, and at most so much of it is lost in a crash.
	uptimeTick = time.Minute
	// archiveTick is how often objects ordered here are looked at for versions
	// that are not archived yet, after a crash or a put that did not wait.
	archiveTick = 30 * time.Second
	// publishEvery is how often heads are published again, though nothing
	// changed: peers come and go.
	publishEvery = time.Hour
)

// keepUptime counts the time for which leases run.
func (n *Node) keepUptime(ctx context.Context) error {
	tick := time.NewTicker(uptimeTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := n.shares.Tick(uint64(uptimeTick / time.Second)); err != nil {
				return err
			}
		}
	}
}

// keepArchived archives and publishes what a put did not wait for.
func (n *Node) keepArchived(ctx context.Context) error {
	published := make(map[wire.ObjectID]time.Time)
	tick := time.NewTicker(archiveTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		ids, err := n.rings.Objects()
		if err != nil {
			return err
		}
		for _, id := range ids {
			n.archive(ctx, id, published)
		}
	}
}

// archive archives an object if something is pending or its head has not been
// published for long. Failures are tried again at the next tick.
func (n *Node) archive(ctx context.Context, id wire.ObjectID, published map[wire.ObjectID]time.Time) {
	pending, err := n.ring.archiver.Pending(id)
	if err == nil && (pending || time.Since(published[id]) > publishEvery) && !n.alone() {
		if err = n.ring.Archive(ctx, id); err == nil {
			published[id] = time.Now()
		}
	}
	if err != nil && ctx.Err() == nil {
		n.log.Warn("archiving", "object", id.String(), "error", err)
	}
}
