package transfer

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestOrderedKeepsOrderAndBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running, most atomic.Int64
		next := 0
		do := func(_ context.Context, i int) (int, error) {
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(time.Duration(10-i%10) * time.Second)
			running.Add(-1)
			return i * i, nil
		}
		err := ordered(t.Context(), 50, 3, nil, do, func(i, v int) error {
			if i != next || v != i*i {
				t.Errorf("result %d of %d came as number %d", v, i, next)
			}
			next++
			return nil
		})
		if err != nil || next != 50 || most.Load() != 4 {
			t.Errorf("%v, %d results, %d at once", err, next, most.Load())
		}
	})
}

func TestOrderedStopsAtAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := errors.New("bad")
		for name, c := range map[string]struct{ do, yield error }{"do": {bad, nil}, "yield": {nil, bad}} {
			last := -1
			err := ordered(t.Context(), 10, 2, nil, func(ctx context.Context, i int) (int, error) {
				if i == 5 {
					return 0, c.do
				}
				if i > 5 {
					<-ctx.Done() // it is told to stop
				}
				return i, nil
			}, func(i, _ int) error {
				if last = i; i == 5 {
					return c.yield
				}
				return nil
			})
			if !errors.Is(err, bad) || last > 5 {
				t.Errorf("%s: %v after result %d", name, err, last)
			}
		}
	})
}
