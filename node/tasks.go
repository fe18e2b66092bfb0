package node

import (
	"context"
	"log/slog"
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

// countUptime writes down the time for which leases run. What cannot be written
// now, on a full disk, is written with the next tick.
func countUptime(ctx context.Context, add func(seconds uint64) error, log *slog.Logger) error {
	tick := time.NewTicker(uptimeTick)
	defer tick.Stop()
	unwritten := uint64(0)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		unwritten += uint64(uptimeTick / time.Second)
		if err := add(unwritten); err != nil {
			log.Warn("counting uptime", "error", err)
			continue
		}
		unwritten = 0
	}
}

// published is when an object's head was last published, and how many peers
// were known then.
type published struct {
	at    time.Time
	peers int
}

// due reports whether it is to be published again: long ago, or when twice as
// many peers are known, for those who were nearest to it then may not be now,
// and what is archived may lie on few.
func (p published) due(now time.Time, peers int) bool {
	return now.Sub(p.at) > publishEvery || peers >= 2*p.peers
}

// keepArchived archives and publishes what a put did not wait for.
func (n *Node) keepArchived(ctx context.Context) error {
	last := make(map[wire.ObjectID]published)
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
			n.log.Warn("archiving", "error", err)
		}
		for _, id := range ids {
			n.archive(ctx, id, last)
		}
	}
}

// archive archives an object if something is pending or its head is to be
// published again. Failures are tried again at the next tick.
func (n *Node) archive(ctx context.Context, id wire.ObjectID, last map[wire.ObjectID]published) {
	peers := len(n.Candidates())
	if peers == 1 {
		return // there is nobody to tell
	}
	pending, err := n.ring.archiver.Pending(id)
	now := time.Now()
	if err == nil && (pending || last[id].due(now, peers)) {
		if err = n.ring.Archive(ctx, id); err == nil {
			last[id] = published{now, peers}
		}
	}
	if err != nil && ctx.Err() == nil {
		n.log.Warn("archiving", "object", id.String(), "error", err)
	}
}
