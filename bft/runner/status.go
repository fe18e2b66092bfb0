package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
)

// QuestionsMax is the most readers of one object that wait for a Status at a
// time.
const QuestionsMax = 256

// question is a reader's, and where the answer goes.
type question struct {
	ctx    context.Context // the reader's: when it ends nobody wants the answer
	nonce  bft.Nonce
	answer chan<- bft.Status // has room for one
}

// Status answers a reader who asks what is newest, as a member of the object's
// ring. It waits while this member has prepared a version that is not decided
// yet, since a user may have been told of it. Errors: the context's; ErrMoved if
// another ring orders the object, see Head; ErrUnknownObject; ErrBusy if
// QuestionsMax wait; ErrClosed; the store's.
func (h *Host) Status(ctx context.Context, object wire.ObjectID, nonce bft.Nonce) (bft.Status, error) {
	for {
		s, err := h.seat(object)
		if err != nil {
			return bft.Status{}, err
		}
		if s.self < 0 {
			return bft.Status{}, fmt.Errorf("object %v: %w", object, ErrMoved)
		}
		answer, ended := make(chan bft.Status, 1), make(chan error, 1)
		if !s.put(item{ask: &question{ctx, nonce, answer}, done: ended}) {
			continue
		}
		select {
		case a := <-answer:
			return a, nil
		case err := <-ended:
			if !errors.Is(err, errForgotten) {
				return bft.Status{}, err
			}
		case <-h.ctx.Done():
			return bft.Status{}, ErrClosed
		case <-ctx.Done():
			return bft.Status{}, ctx.Err()
		}
	}
}

// answerQuestions answers the readers that wait, if it may be done now.
func (s *seat) answerQuestions() {
	kept := s.questions[:0]
	for _, it := range s.questions {
		a, ready := s.replica.Status(it.ask.nonce)
		if !ready {
			kept = append(kept, it)
			continue
		}
		it.ask.answer <- a
	}
	s.questions = kept
}

// enlistQuestions keeps readers until they can be answered, and forgets those who
// have given up.
func (s *seat) enlistQuestions(asked []item) {
	if len(asked) == 0 {
		return
	}
	s.questions = slices.DeleteFunc(s.questions, func(it item) bool { return it.ask.ctx.Err() != nil })
	for _, it := range asked {
		if len(s.questions) >= QuestionsMax {
			it.done <- fmt.Errorf("object %v: %w", s.object, ErrBusy)
			continue
		}
		s.questions = append(s.questions, it)
	}
}

// dropQuestions sends readers to the seat that the object has next, or tells
// them why there is none.
func (s *seat) dropQuestions(err error) {
	for _, it := range s.questions {
		it.done <- err
	}
	s.questions = nil
}
