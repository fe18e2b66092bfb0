package objects

import (
	"io"
	"sync"

	"github.com/atollnet/atoll/internal/wire"
)

// updatesInFlightMax is how many updates of one object a gateway lets the ring
// have at once; the rest wait here, in order (waiting is no error).
const updatesInFlightMax = 8

// session is one run of this gateway as a writer of one object.
type session struct {
	id   wire.SessionID
	slot chan struct{} // holds a token for each update in flight

	mu  sync.Mutex
	seq wire.Seq
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

func (s *session) next() wire.Seq {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seq++
	return s.seq
}
