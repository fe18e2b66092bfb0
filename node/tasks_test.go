package node

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

func TestUptimeThatCannotBeWrittenIsWrittenLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*uptimeTick+time.Second)
		defer cancel()
		written, calls := uint64(0), 0
		err := countUptime(ctx, func(seconds uint64) error {
			if calls++; calls == 2 || calls == 3 {
				return errors.New("no space left on device")
			}
			written += seconds
			return nil
		}, slog.New(slog.DiscardHandler))
		if err != nil || written != uint64(5*uptimeTick/time.Second) {
			t.Errorf("%d seconds were written, %v", written, err)
		}
	})
}

func TestHeadsArePublishedAgain(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, c := range []struct {
		last  published
		peers int
		want  bool
	}{
		{published{}, 2, true}, // the first peer has come
		{published{now, 2}, 3, false},
		{published{now, 2}, 4, true},
		{published{now, 50}, 99, false},
		{published{now.Add(-publishEvery - 1), 50}, 10, true},
	} {
		if got := c.last.due(now, c.peers); got != c.want {
			t.Errorf("%+v with %d peers: %v", c.last, c.peers, got)
		}
	}
}
