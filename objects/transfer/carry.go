package transfer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// Tries at a holder that says it is busy, with twice the wait after each.
const (
	busyTriesMax = 5
	busyWait     = 250 * time.Millisecond
)

// delivery is what came of handing a share to one holder.
type delivery struct {
	holder  wire.PeerID
	receipt extent.SignedReceipt
	err     error
}

// carry brings a share to a holder, and to others when that one fails, until
// one has it or none is left. When the share is late a second holder is tried
// beside the first; the first receipt counts.
func (u *Upload) carry(share int, holder wire.PeerID) {
	ctx, cancel := context.WithCancel(u.ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	done := make(chan delivery)
	live := 0
	start := func(h wire.PeerID) {
		live++
		running.Go(func() {
			r, err := u.deliver(ctx, share, h)
			select {
			case done <- delivery{h, r, err}:
			case <-ctx.Done():
			}
		})
	}
	start(holder)
	late := u.tally.hedge
	for live > 0 {
		select {
		case d := <-done:
			live--
			if d.err == nil {
				u.tally.stored(share, d.receipt)
				return
			}
			u.failed(share, d)
		case <-late:
			late = nil
		case <-ctx.Done():
			return
		}
		if live == 0 || late == nil && live == 1 {
			if h, ok := u.spare(); ok {
				u.tally.restart(share)
				start(h)
			}
		}
	}
	u.tally.lost(share)
}

// failed notes a failure and tells who asked for it.
func (u *Upload) failed(share int, d delivery) {
	u.tally.failed(share, d.err)
	if u.cfg.Failed != nil {
		u.cfg.Failed(d.holder, d.err)
	}
}

// spare names another holder.
func (u *Upload) spare() (wire.PeerID, bool) {
	if u.cfg.Spare == nil {
		return wire.PeerID{}, false
	}
	u.spareMu.Lock()
	defer u.spareMu.Unlock()
	return u.cfg.Spare()
}

// deliver hands a share to one holder, again where that is no fault of the
// holder's.
func (u *Upload) deliver(ctx context.Context, share int, holder wire.PeerID) (r extent.SignedReceipt, err error) {
	release, err := u.slots.take(ctx, holder, func() { u.tally.restart(share) })
	if err != nil {
		return r, err
	}
	defer release()
	for busy := 0; ; {
		r, err = u.attempt(ctx, share, holder)
		var refusal *Refusal
		switch {
		case errors.Is(err, errParked):
			u.tally.restart(share)
			err = u.out.wait(ctx)
		case errors.As(err, &refusal) && refusal.Kind == RefusedBusy && busy < busyTriesMax:
			u.tally.restart(share)
			err = pause(ctx, busyWait<<busy)
			busy++
		default:
			return r, err
		}
		if err != nil {
			return r, err
		}
	}
}

// pause waits, or fails with the context.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// slots bounds the streams to each holder.
type slots struct {
	max int
	mu  *sync.Mutex
	by  map[wire.PeerID]chan struct{}
}

func newSlots(max int) slots {
	return slots{max: max, mu: new(sync.Mutex), by: make(map[wire.PeerID]chan struct{})}
}

// take returns when there is a slot, and how to give it back; it calls waits
// first if there is none yet.
func (s slots) take(ctx context.Context, holder wire.PeerID, waits func()) (release func(), err error) {
	s.mu.Lock()
	slot := s.by[holder]
	if slot == nil {
		slot = make(chan struct{}, s.max)
		s.by[holder] = slot
	}
	s.mu.Unlock()
	select {
	case slot <- struct{}{}:
		return func() { <-slot }, nil
	default:
		waits()
	}
	select {
	case slot <- struct{}{}:
		return func() { <-slot }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
