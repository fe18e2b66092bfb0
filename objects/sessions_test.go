package objects

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/update"
)

// One update that is not ordered for long lets others pass, but not so many that
// the ring would take it for one that is too old.
func TestASlowUpdateStaysInTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s session
		slow, endSlow, err := s.begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var newest wire.Seq
		passed := make(chan struct{})
		go func() {
			defer close(passed)
			for range 2 * update.SessionSeqs {
				seq, end, err := s.begin(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				newest = seq
				end()
			}
		}()
		synctest.Wait()
		select {
		case <-passed:
			t.Errorf("number %d was given while %d is in flight", newest, slow)
		default:
		}
		if newest-slow != update.SessionSeqs-1 {
			t.Errorf("number %d was given while %d is in flight, want %d more at the most", newest, slow, update.SessionSeqs-1)
		}
		ctx, giveUp := context.WithCancelCause(t.Context())
		reason := errors.New("no more patience")
		giveUp(reason)
		if _, _, err := s.begin(ctx); !errors.Is(err, reason) {
			t.Errorf("one who waits no more: %v", err)
		}
		endSlow()
		<-passed
		if newest != slow+2*update.SessionSeqs {
			t.Errorf("the last number is %d", newest)
		}
	})
}
