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
