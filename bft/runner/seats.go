package runner

import (
	"fmt"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// seat returns the object's seat, and makes one if the object has none in
// memory. Errors: ErrUnknownObject, ErrClosed, the store's.
func (h *Host) seat(object wire.ObjectID) (*seat, error) {
	if s, err := h.present(object); s != nil || err != nil {
		return s, err
	}
	var stands standing
	err := h.Store.View(func(r kv.Reader) error {
		found, ok, err := getStanding(r, object)
		if err == nil && !ok {
			err = fmt.Errorf("object %v: %w", object, ErrUnknownObject)
		}
		stands = found
		return err
	})
	if err != nil {
		return nil, err
	}
	return h.add(newSeat(h, stands))
}

func (h *Host) present(object wire.ObjectID) (*seat, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, ErrClosed
	}
	return h.seats[object], nil
}

// add keeps a new seat, unless another was faster.
func (h *Host) add(s *seat) (*seat, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, ErrClosed
	}
	if other := h.seats[s.object]; other != nil {
		return other, nil
	}
	h.seats[s.object] = s
	return s, nil
}

// begin counts a seat that goes to work. It is false for a seat that has been
// forgotten: its object has, or gets, another.
func (h *Host) begin(s *seat) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.seats[s.object] != s {
		return false
	}
	if s.idle != nil {
		h.idle.Remove(s.idle)
		s.idle = nil
	}
	h.work.Add(1)
	return true
}

// rest notes that a seat has nothing to do, and forgets the one that has had
// nothing to do for longest if they are too many.
func (h *Host) rest(s *seat) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seats[s.object] != s || s.idle != nil {
		return
	}
	s.idle = h.idle.PushFront(s)
	if h.idle.Len() > SeatsIdleMax {
		oldest := h.idle.Back()
		h.idle.Remove(oldest)
		delete(h.seats, oldest.Value.(*seat).object)
	}
}

// forget drops a seat whose state in memory is not to be trusted; the next who
// asks gets one made from what is stored.
func (h *Host) forget(s *seat) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.idle != nil {
		h.idle.Remove(s.idle)
		s.idle = nil
	}
	if h.seats[s.object] == s {
		delete(h.seats, s.object)
	}
}

// reserve takes room for a peer's message; false if it has none left.
func (h *Host) reserve(peer wire.PeerID, bytes int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.inbox[peer]+bytes > InboxBytesPerPeerMax {
		return false
	}
	h.inbox[peer] += bytes
	return true
}

func (h *Host) release(peer wire.PeerID, bytes int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.inbox[peer] -= bytes; h.inbox[peer] <= 0 {
		delete(h.inbox, peer)
	}
}

// Deliver takes a message that a peer has sent. What is malformed, not for this
// member, not from a member, or more than the peer's room, is dropped. It does
// not block.
func (h *Host) Deliver(from wire.PeerID, message []byte) {
	object, epoch, m, err := bft.ParseMessage(message)
	if err != nil {
		h.Log.Debug("ring message refused", "peer", from, "error", err)
		return
	}
	for {
		s, err := h.seat(object)
		if err != nil {
			return
		}
		it, wanted := s.item(from, epoch, m, len(message))
		if !wanted || h.deliver(s, it) {
			return
		}
	}
}

// item makes an input of a message, if it is one for this member.
func (s *seat) item(from wire.PeerID, epoch wire.Epoch, m bft.Message, bytes int) (item, bool) {
	if epoch < s.ring.Epoch {
		return item{peer: from, bytes: bytes, epoch: epoch, late: m}, true
	}
	if epoch > s.ring.Epoch {
		if s.host.Behind != nil {
			s.host.Behind(s.object, from, epoch)
		}
		return item{}, false
	}
	member := s.ring.Index(from)
	if s.self < 0 || member < 0 || member == s.self {
		return item{}, false
	}
	return item{input: bft.Receive{From: member, Message: m}, peer: from, bytes: bytes}, true
}

// deliver is false if the seat has been forgotten meanwhile.
func (h *Host) deliver(s *seat, it item) bool {
	if !h.reserve(it.peer, it.bytes) {
		return true
	}
	if s.put(it) {
		return true
	}
	h.release(it.peer, it.bytes)
	return false
}
