package node

import (
	"context"
	"log/slog"
	"time"
)

// uptimeTick is how often the peer's own uptime is written down: leases run on
// it, and at most so much of it is lost in a crash.
const uptimeTick = time.Minute

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
