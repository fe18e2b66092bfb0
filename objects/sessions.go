package objects

import (
	"context"
	"io"
	"slices"
	"sync"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/update"
)

// updatesInFlightMax is how many updates of one object a gateway lets the ring
// have at once; the rest wait here, in order (waiting is no error).
const updatesInFlightMax = 8

// session is one run of this gateway as a writer of one object.
type session struct {
	id   wire.SessionID
	slot chan struct{} // holds a token for each update in flight

	mu    sync.Mutex
	seq   wire.Seq      // the last given out
	out   []wire.Seq    // those of updates in flight, ascending
	ended chan struct{} // closed when one of them ends, if somebody waits for that
}

// sessions numbers updates, so that the ring executes each once.
type sessions struct {
	random io.Reader

	mu   sync.Mutex
	open map[wire.ObjectID]*session // as many as volumes were written since the start
}

func (s *sessions) of(object wire.ObjectID) (*session, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if have := s.open[object]; have != nil {
		return have, nil
	}
	fresh := &session{slot: make(chan struct{}, updatesInFlightMax)}
	if _, err := io.ReadFull(s.random, fresh.id[:]); err != nil {
		return nil, err
	}
	if s.open == nil {
		s.open = make(map[wire.ObjectID]*session)
	}
	s.open[object] = fresh
	return fresh, nil
}

// begin gives an update in flight its number, which is its own until end. An
// update that is slow to be ordered holds up those that come so long after it
// that the ring would not know its number any more.
func (s *session) begin(ctx context.Context) (seq wire.Seq, end func(), err error) {
	for {
		seq, ended := s.take()
		if ended == nil {
			return seq, func() { s.end(seq) }, nil
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return 0, nil, context.Cause(ctx)
		}
	}
}

// take returns the next number, or what is closed when it may be there.
func (s *session) take() (seq wire.Seq, ended <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.out) > 0 && s.seq+1-s.out[0] >= update.SessionSeqs {
		if s.ended == nil {
			s.ended = make(chan struct{})
		}
		return 0, s.ended
	}
	s.seq++
	s.out = append(s.out, s.seq)
	return s.seq, nil
}

func (s *session) end(seq wire.Seq) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = slices.DeleteFunc(s.out, func(out wire.Seq) bool { return out == seq })
	if s.ended != nil {
		close(s.ended)
		s.ended = nil
	}
}
