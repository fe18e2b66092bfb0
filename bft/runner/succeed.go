package runner

import (
	"errors"
	"fmt"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// errSucceeded ends a seat whose epoch is over and which has handed on what
// waited.
var errSucceeded = errors.New("the next ring has taken over")

// writeNext records the ring of the next epoch, in the transaction that commits
// the version which names it. The ring key of this epoch is erased there, as
// nothing may be signed with it any more. If this peer is a member again, with a
// key that it has reserved, it goes on at once: it holds the state.
func (s *seat) writeNext(w kv.Writer, l bft.Link) error {
	if err := putLink(w, l); err != nil {
		return err
	}
	if err := eraseEpoch(w, s.object); err != nil {
		return err
	}
	next := s.stands
	next.ring = l.Ring
	next.member = memberRecord{Format: memberFormat, Epoch: l.Ring.Epoch, Ring: l.Ring.ID(), Base: l.Commit.Decision.Version}
	if err := s.host.takeSeat(w, &next); err != nil {
		return err
	}
	return putStanding(w, next)
}

// takeSeat makes this peer a member of the ring, if it is one and has reserved
// the key that is named there.
func (h *Host) takeSeat(w kv.Writer, s *standing) error {
	self := s.ring.Index(h.Self)
	if self < 0 {
		return nil
	}
	public := s.ring.Members[self].Key
	r, found, err := getReservation(w, public)
	if err != nil || !found {
		return err
	}
	s.member.Member, s.member.Seed = true, r.Seed
	return dropReservation(w, public)
}

// renew writes what the record of the first format holds into those of the
// present one, and only when they are durable removes it.
func (s *seat) renew() error {
	store := s.host.Store
	if err := store.Update(func(w kv.Writer) error { return putStanding(w, s.stands) }); err != nil {
		return err
	}
	if err := store.Sync(); err != nil {
		return err
	}
	s.stands.old = false
	return store.Update(func(w kv.Writer) error { return w.Delete(key(keyObject, s.object)) })
}

// succeed gives up the seat, as the next ring orders the object, and hands what
// waits to the seat that this peer has in it. The new replica says that it is
// there.
func (s *seat) succeed(left [][]byte) {
	s.host.forget(s)
	s.dropQuestions(errForgotten)
	s.mu.Lock()
	s.stopTimer()
	for _, it := range s.items {
		if in, ok := it.input.(bft.Submit); ok {
			left = append(left, in.Update)
		}
	}
	s.discard()
	waiters, kept := s.waiters, s.sources
	s.waiters, s.sources = make(map[wire.Hash][]chan<- answer), newSources()
	s.working = false
	s.mu.Unlock()
	for {
		next, err := s.host.seat(s.object)
		if err == nil && next.self < 0 {
			err = s.moved()
		}
		if err != nil {
			s.mu.Lock()
			s.waiters = waiters
			s.answerAll(err)
			s.mu.Unlock()
			return
		}
		if next.adopt(left, waiters, kept) {
			return
		}
	}
}

// adopt takes over updates and those who wait for them. It is false if the seat
// is no longer its object's.
func (s *seat) adopt(updates [][]byte, waiters map[wire.Hash][]chan<- answer, kept sources) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.wake() {
		return false
	}
	for _, u := range updates {
		s.items = append(s.items, item{input: bft.Submit{Update: u}})
		s.submits++
	}
	for _, w := range kept.byID {
		s.sources.add(w)
	}
	for id, all := range waiters {
		s.waiters[id] = append(s.waiters[id], all...)
	}
	return true
}

func (s *seat) moved() error { return fmt.Errorf("object %v: %w", s.object, ErrMoved) }

// doAlone does what must not meet a replica at work, and gives up the seat before
// it answers: whoever hears that it is done finds the object as it is now.
func (s *seat) doAlone(items []item) {
	results := make([]error, len(items))
	for i, it := range items {
		results[i] = it.alone()
	}
	s.dropQuestions(errForgotten)
	s.fail(s.moved())
	for i, it := range items {
		it.done <- results[i]
	}
}

// serveLate answers a member of an earlier epoch that has not seen its end.
func (s *seat) serveLate(it item) {
	var answer bft.Message
	err := s.host.Store.View(func(r kv.Reader) error {
		end, ring, found, err := getEnd(r, s.stands, it.epoch)
		if err != nil || !found || ring.Index(it.peer) < 0 {
			return err
		}
		reply, serve := bft.Late(end, it.late)
		answer = reply
		if serve == 0 {
			return nil
		}
		data, err := getData(r, s.object, serve)
		if errors.Is(err, ErrUnknownObject) {
			return nil // this member joined later
		}
		answer = &data
		return err
	})
	if err != nil {
		s.host.Log.Warn("a member of an earlier ring gets no answer", "object", s.object, "epoch", it.epoch, "error", err)
		return
	}
	if answer != nil && s.host.Transport != nil {
		s.host.Transport.Send(it.peer, bft.EncodeMessage(s.object, it.epoch, answer))
	}
}

// getEnd returns the certificate that ended an epoch, and the epoch's ring.
func getEnd(r kv.Reader, s standing, e wire.Epoch) (end bft.Certificate, ring bft.RingCert, found bool, err error) {
	at := s.ring
	for at.Epoch > e {
		l, ok, err := getLink(r, at.Object, at.Epoch, at.ID())
		if err != nil || !ok {
			return end, ring, false, err
		}
		if ring, err = getRing(r, s.origin.Genesis.Body, at.Epoch-1, at.Previous); err != nil {
			return end, ring, false, err
		}
		if ring.Epoch == e {
			if l.Commit == nil || l.Override != nil {
				return end, ring, false, nil
			}
			return *l.Commit, ring, true, nil
		}
		at = ring
	}
	return end, ring, false, nil
}
