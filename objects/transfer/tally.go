package transfer

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// What becomes of a share.
type shareState uint8

const (
	shareLeftOut shareState = iota // no holder was named
	shareOpen                      // on its way
	shareStored                    // its receipt is verified
	shareLost                      // no holder took it
)

// tally keeps the score of an upload.
type tally struct {
	enough int
	moved  chan struct{} // holds one element after any change; Add or Close waits on it
	hedge  chan struct{} // closed when what is still open is late

	mu       sync.Mutex
	shares   []tallied
	hedgeMin time.Duration
	closed   time.Time // by Close; zero before
	timer    *time.Timer
	ended    bool
}

// tallied is one share's line.
type tallied struct {
	state shareState
	sent  int // stripes, on the attempt that runs
	// straggling shares are not waited for. They catch up from the kept blocks.
	straggling bool
	receipt    extent.SignedReceipt
	err        error // of the last attempt that failed
}

func newTally(holders []wire.PeerID, enough int) *tally {
	t := &tally{enough: enough, moved: make(chan struct{}, 1), hedge: make(chan struct{}), shares: make([]tallied, len(holders))}
	for i, h := range holders {
		if !h.IsZero() {
			t.shares[i].state = shareOpen
		}
	}
	return t
}

// change runs f under the lock and wakes who waits.
func (t *tally) change(share int, f func(*tallied)) {
	t.mu.Lock()
	f(&t.shares[share])
	t.mu.Unlock()
	select {
	case t.moved <- struct{}{}:
	default:
	}
}

// progress notes that a share has been sent up to a stripe; caughtUp says that
// it may be waited for again.
func (t *tally) progress(share, sent int, caughtUp bool) {
	t.change(share, func(s *tallied) {
		s.sent = sent
		s.straggling = s.straggling && !caughtUp
	})
}

// restart notes that a share begins anew, or waits for something that is not
// its holder.
func (t *tally) restart(share int) {
	t.change(share, func(s *tallied) { s.sent, s.straggling = 0, true })
}

// failed notes why an attempt failed.
func (t *tally) failed(share int, err error) {
	t.change(share, func(s *tallied) { s.err = err })
}

// stored notes a verified receipt.
func (t *tally) stored(share int, r extent.SignedReceipt) {
	t.change(share, func(s *tallied) { s.state, s.receipt = shareStored, r })
	t.maybeHedge()
}

// lost notes that nobody took the share.
func (t *tally) lost(share int) {
	t.change(share, func(s *tallied) { s.state = shareLost })
}

// pass reports whether every share that is waited for has been sent up to
// stripe needed. With patience over, those that have not are not waited for
// any more, if others have.
func (t *tally) pass(needed int, patienceOver bool) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	inTime, behind := 0, 0
	for i := range t.shares {
		switch s := &t.shares[i]; {
		case s.state != shareOpen || s.straggling:
		case s.sent >= needed:
			inTime++
		default:
			behind++
		}
	}
	if behind == 0 {
		return true
	}
	if inTime == 0 || !patienceOver {
		return false
	}
	for i := range t.shares {
		if s := &t.shares[i]; s.state == shareOpen && s.sent < needed {
			s.straggling = true
		}
	}
	return true
}

// count returns how many shares are stored, and how many may yet be.
func (t *tally) count() (stored, open int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counted()
}

// counted is count for those who hold the lock.
func (t *tally) counted() (stored, open int) {
	for i := range t.shares {
		switch t.shares[i].state {
		case shareStored:
			stored++
		case shareOpen:
			open++
		}
	}
	return stored, open
}

// close notes that the extent is complete: from now on receipts can come.
func (t *tally) close(hedgeMin time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed, t.hedgeMin = time.Now(), hedgeMin
}

// maybeHedge sets off the hedge when half of the shares are stored: what takes
// three times as long as they did is late.
func (t *tally) maybeHedge() {
	t.mu.Lock()
	defer t.mu.Unlock()
	stored, open := t.counted()
	if t.timer != nil || t.ended || stored < open {
		return
	}
	took := time.Since(t.closed)
	t.timer = time.AfterFunc(max(2*took, t.hedgeMin-took), func() { close(t.hedge) })
}

// end notes that nothing runs any more: what is not stored is lost.
func (t *tally) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
	for i := range t.shares {
		if t.shares[i].state == shareOpen {
			t.shares[i].state = shareLost
		}
	}
	if t.timer != nil {
		t.timer.Stop()
	}
}

// result returns the receipts, and the shares that have none.
func (t *tally) result() (receipts []extent.SignedReceipt, missing []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.shares {
		switch s := &t.shares[i]; s.state {
		case shareStored:
			receipts = append(receipts, s.receipt)
		case shareLost:
			missing = append(missing, i)
		}
	}
	return receipts, missing
}

// failure returns an error if not enough shares can be stored any more.
func (t *tally) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	stored, open := t.counted()
	if stored+open >= t.enough {
		return nil
	}
	last, full := t.causes()
	cause := fmt.Errorf("%d shares stored, %d are needed", stored, t.enough)
	if last != nil {
		cause = fmt.Errorf("%w; the last holder that failed: %w", cause, last)
	}
	kind := errs.TooFew
	if full {
		kind = errs.Full
	}
	return errs.New("send shares", "", kind, cause)
}

// causes returns why a share was lost, and whether every one was for lack of
// space.
func (t *tally) causes() (last error, full bool) {
	full = true
	for i := range t.shares {
		s := &t.shares[i]
		if s.state != shareLost || s.err == nil {
			continue
		}
		var r *Refusal
		full = full && errors.As(s.err, &r) && r.Kind == RefusedFull
		last = s.err
	}
	return last, full && last != nil
}
