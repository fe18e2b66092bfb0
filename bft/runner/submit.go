package runner

import (
	"context"
	"fmt"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
)

// Reply is what became of an update.
type Reply struct {
	Version     wire.Version
	Outcome     []byte           // as the executor gave it
	Certificate bft.Certificate  // of the version that holds it
	Proof       bft.OutcomeProof // that it holds this outcome
}

// answer is a Reply or an error.
type answer struct {
	reply Reply
	err   error
}

// Submit orders an update and returns when it is part of a version that a quorum
// cannot lose, whatever crashes. If the context ends first the update may still be
// ordered. A retried update is answered from the log, if the Admitter finds that it
// was executed by this ring and the log goes back so far, and ordered again
// otherwise; that it is not applied again is the executor's business. Errors:
// ErrUnknownObject, ErrBusy, ErrTooLarge, ErrClosed, the Admitter's, the executor's
// and the store's.
func (h *Host) Submit(ctx context.Context, object wire.ObjectID, update []byte) (Reply, error) {
	if len(update) > wire.UpdateBytesMax {
		return Reply{}, fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, len(update), wire.UpdateBytesMax)
	}
	s, err := h.seat(object)
	if err != nil {
		return Reply{}, err
	}
	a, err := s.admit(ctx, update)
	if err != nil {
		return Reply{}, err
	}
	id := bft.RequestID(update)
	if r, found, err := s.repeat(a, id); found || err != nil {
		return r, err
	}
	answers := make(chan answer, 1)
	s, err = h.enlist(object, waiting{id, a.Source, len(update)}, update, answers)
	if err != nil {
		return Reply{}, err
	}
	select {
	case a := <-answers:
		return a.reply, a.err
	case <-ctx.Done():
		h.leave(object, s, id, answers)
		return Reply{}, ctx.Err()
	}
}

// enlist hands the update to the object's seat. A seat that the host has
// forgotten meanwhile is replaced.
func (h *Host) enlist(object wire.ObjectID, w waiting, update []byte, answers chan<- answer) (*seat, error) {
	for {
		s, err := h.seat(object)
		if err != nil {
			return nil, err
		}
		if taken, err := s.submit(w, update, answers); taken || err != nil {
			return s, err
		}
	}
}

// submit queues an update. It is false if the seat is no longer its object's.
func (s *seat) submit(w waiting, update []byte, answers chan<- answer) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.self < 0 {
		return false, s.moved()
	}
	id := w.id
	if s.submits >= bft.PendingMax || len(s.waiters) >= bft.PendingMax && s.waiters[id] == nil {
		return false, ErrBusy
	}
	if err := s.sources.room(w); err != nil {
		return false, err
	}
	if !s.wake() {
		return false, nil
	}
	s.sources.add(w)
	s.waiters[id] = append(s.waiters[id], answers)
	s.items = append(s.items, item{input: bft.Submit{Update: update}})
	s.submits++
	if s.awaited > 0 && s.submits >= s.awaited {
		s.awaited = 0
		s.gathered <- struct{}{} // there is room: gather takes it before it waits again
	}
	return true, nil
}

// leave forgets a caller who waits no more.
func (s *seat) leave(id wire.Hash, answers chan<- answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.waiters[id][:0]
	for _, other := range s.waiters[id] {
		if other != answers {
			kept = append(kept, other)
		}
	}
	if s.waiters[id] = kept; len(kept) == 0 {
		delete(s.waiters, id)
	}
}

// answer tells callers what became of their updates.
func (s *seat) answer(e bft.Effects) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sources.leave(e)
	for _, id := range e.Busy {
		s.resolve(id, answer{err: ErrBusy})
	}
	for _, id := range e.Failed {
		s.resolve(id, answer{err: s.trouble})
	}
	if e.Commit != nil {
		waited := len(s.waiters)
		defer func() { s.commits.end(time.Now(), waited-len(s.waiters)) }()
	}
	if c := e.Commit; c != nil && len(s.waiters) > 0 {
		proofs := c.Batch.Prove()
		for i, u := range c.Batch.Updates {
			s.resolve(bft.RequestID(u), answer{reply: Reply{c.Certificate.Decision.Version, c.Batch.Outcomes[i], c.Certificate, proofs[i]}})
		}
	}
}

// resolve answers those who wait for an update. The caller holds mu.
func (s *seat) resolve(id wire.Hash, a answer) {
	for _, answers := range s.waiters[id] {
		answers <- a // it has room for the one answer
	}
	delete(s.waiters, id)
}

// answerAll answers everybody. The caller holds mu.
func (s *seat) answerAll(err error) {
	for id := range s.waiters {
		s.resolve(id, answer{err: err})
	}
}

// leave forgets a caller who waits no more, wherever his update has gone.
func (h *Host) leave(object wire.ObjectID, s *seat, id wire.Hash, answers chan<- answer) {
	s.leave(id, answers)
	if now, err := h.present(object); err == nil && now != nil && now != s {
		now.leave(id, answers)
	}
}
