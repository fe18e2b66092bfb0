package tasks

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

func TestCloseEndsAndWaitsForAllTasks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New()
		var ended atomic.Int64
		for range 10 {
			if !g.Go(func(ctx context.Context) { <-ctx.Done(); ended.Add(1) }) {
				t.Error("a task does not begin")
			}
		}
		if !g.Begin() {
			t.Fatal("a task does not begin")
		}
		closed := make(chan struct{})
		go func() { g.Close(); close(closed) }()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("closed while a task runs")
		default:
		}
		if g.Context().Err() == nil || ended.Load() != 10 {
			t.Errorf("%d of 10 tasks have ended", ended.Load())
		}
		g.Done()
		<-closed
		if g.Begin() || g.Go(func(context.Context) { t.Error("a task runs") }) {
			t.Error("a task begins after the end")
		}
	})
}
