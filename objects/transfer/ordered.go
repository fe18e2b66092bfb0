package transfer

import (
	"context"
	"sync"
)

// ordered calls do for 0 … n-1, several at a time, and yields the results in
// order. Beside the one that is yielded next, do runs for so many further ones
// as ahead says, as far as admit lets it; admit may be nil. It returns when
// nothing runs any more.
func ordered[T any](ctx context.Context, n, ahead int, admit func(i int) bool, do func(ctx context.Context, i int) (T, error), yield func(i int, v T) error) error {
	type result struct {
		v   T
		err error
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	results := make(map[int]chan result, ahead+1)
	start := func(i int) {
		c := make(chan result, 1)
		results[i] = c
		running.Go(func() {
			v, err := do(ctx, i)
			c <- result{v, err}
		})
	}
	next := 0
	for i := range n {
		for ; next < n && next <= i+ahead; next++ {
			if next > i && admit != nil && !admit(next) {
				break
			}
			start(next)
		}
		r := <-results[i]
		delete(results, i)
		if r.err != nil {
			return r.err
		}
		if err := yield(i, r.v); err != nil {
			return err
		}
	}
	return nil
}
