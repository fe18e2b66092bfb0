package node

import (
	"bytes"
	"container/list"
	"sync"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
)

// headsMax is the most objects whose newest head is kept in memory, at some
// kilobytes each.
const headsMax = 1024

// known is the newest head of an object that this gateway has seen.
type known struct {
	head     bft.Head // with its hint
	verified bft.Verified
	proven   time.Time     // when 2f+1 members were last asked that all had no newer one; zero: never
	asked    time.Time     // when the ring was last asked for a newer one; zero: never
	leader   int           // the member that is likely to lead
	reader   wire.PeerID   // the member that has given nodes last
	fork     *bft.Evidence // that its ring has certified two decisions on one version; nil: it is not known to
	told     bool          // of that
}

// heads are the newest heads that this gateway has seen. They never go back.
type heads struct {
	newer   func(wire.ObjectID) // told of each object of which a newer head, or hint, is known; must not block
	mu      sync.Mutex
	entries map[wire.ObjectID]*list.Element
	recent  *list.List // of *headEntry, the one used last first
}

type headEntry struct {
	object wire.ObjectID
	known  known
}

func newHeads(newer func(wire.ObjectID)) *heads {
	return &heads{newer: newer, entries: make(map[wire.ObjectID]*list.Element), recent: list.New()}
}

func (h *heads) find(object wire.ObjectID) (known, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	e, found := h.entries[object]
	if !found {
		return known{}, false
	}
	h.recent.MoveToFront(e)
	return e.Value.(*headEntry).known, true
}

// learn takes a checked head into account and returns the newest. Of two that
// are equally new the hint stays that leads farther, or that came last.
func (h *heads) learn(object wire.ObjectID, head bft.Head, v bft.Verified) known {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.at(object)
	order := bft.Compare(v, at.verified)
	if order == 0 && at.verified.Epoch > 0 {
		at.forked(head.Commit)
	}
	if at.verified.Epoch == 0 || order > 0 {
		if at.verified.Ring.ID() != v.Ring.ID() {
			at.leader = v.Ring.Leader(0)
		}
		if len(head.Hint) == 0 {
			head.Hint = at.head.Hint
		}
		if at.verified.Epoch != v.Epoch {
			at.fork, at.told = nil, false
		}
		at.head, at.verified = head, v
		h.newer(object)
	} else if order == 0 && len(head.Hint) > 0 && !bytes.Equal(head.Hint, at.head.Hint) && compareHeads(v, at.verified, head.Hint, at.head.Hint) >= 0 {
		at.head.Hint = head.Hint
		h.newer(object)
	}
	return *at
}

// commit is learn for a certificate of the present ring.
func (h *heads) commit(object wire.ObjectID, c bft.Certificate) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, found := h.entries[object]; !found {
		return // forgotten meanwhile: a certificate alone leads to no ring
	}
	at := h.at(object)
	if c.Decision.Ring != at.verified.Ring.ID() {
		return
	}
	at.forked(&c)
	if c.Decision.Version <= at.verified.Decision.Version {
		return
	}
	at.head.Commit = &c
	at.verified.Decision, at.verified.Version = c.Decision, c.Version()
	at.leader = at.verified.Ring.Leader(c.View)
	h.newer(object)
}

// note changes what is remembered beside the head.
func (h *heads) note(object wire.ObjectID, change func(*known)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e, found := h.entries[object]; found {
		change(&e.Value.(*headEntry).known)
	}
}

// at returns the entry of an object, a new one if need be. The caller holds mu.
func (h *heads) at(object wire.ObjectID) *known {
	e, found := h.entries[object]
	if !found {
		if h.recent.Len() >= headsMax {
			oldest := h.recent.Back()
			delete(h.entries, h.recent.Remove(oldest).(*headEntry).object)
		}
		e = h.recent.PushFront(&headEntry{object: object})
		h.entries[object] = e
	}
	h.recent.MoveToFront(e)
	return &e.Value.(*headEntry).known
}
