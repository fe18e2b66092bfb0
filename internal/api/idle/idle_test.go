package idle

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

var errIdle = errors.New("idle")

func TestEndsAfterTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		ctx, timer := New(t.Context(), 30*time.Second, errIdle)
		defer timer.Stop()
		for range 10 {
			time.Sleep(29 * time.Second)
			timer.Touch()
		}
		if ctx.Err() != nil {
			t.Fatal("ended work that moved")
		}
		<-ctx.Done()
		if got := time.Since(start); got != 320*time.Second || context.Cause(ctx) != errIdle {
			t.Errorf("ended after %v with %v", got, context.Cause(ctx))
		}
	})
}

func TestStandsStillWhileOthersAreToMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, timer := New(t.Context(), time.Second, errIdle)
		defer timer.Stop()
		timer.Wait(func() {
			timer.Wait(func() { time.Sleep(time.Hour) })
			time.Sleep(time.Hour)
			timer.Touch()
			time.Sleep(time.Hour)
		})
		if ctx.Err() != nil {
			t.Fatal("ended work that waited for its user")
		}
		time.Sleep(2 * time.Second)
		if ctx.Err() == nil {
			t.Error("did not start again")
		}
	})
}

func TestNeverEndsWhatIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stopped, timer := New(t.Context(), time.Second, errIdle)
		timer.Stop()
		timer.Touch()
		timer.Wait(func() {})
		forever, endless := New(t.Context(), 0, errIdle)
		defer endless.Stop()
		endless.Touch()
		time.Sleep(1000 * time.Hour)
		if stopped.Err() != nil || forever.Err() != nil {
			t.Error("ended")
		}
		var none *Timer
		none.Touch()
		none.Wait(func() {})
		none.Stop()
	})
}
