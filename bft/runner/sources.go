package runner

import (
	"fmt"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
)

// Limits of what one source has waiting at this member, for one object. Whoever
// comes after a source that floods waits for no more than four full batches.
const (
	// PendingPerSourceMax is the most updates: twice as many as an author can have
	// under way in one session.
	PendingPerSourceMax = 128
	// PendingPerSourceBytesMax is the most bytes: eight of the largest updates, as
	// many as a gateway has under way.
	PendingPerSourceBytesMax = 8 * wire.UpdateBytesMax
)

// waiting is an update of this member's users that is queued, or about to be.
type waiting struct {
	id     wire.Hash
	source wire.PublicKey // zero: nobody is counted
	bytes  int
}

// sources counts what waits, of each source. Both tables are within the limits
// of the queue.
type sources struct {
	byID map[wire.Hash]waiting
	load map[wire.PublicKey]load
}

type load struct{ updates, bytes int }

func newSources() sources {
	return sources{byID: make(map[wire.Hash]waiting), load: make(map[wire.PublicKey]load)}
}

// room returns an error that matches ErrBusy if the source has too much waiting
// for one more. What waits already takes no more room.
func (s *sources) room(w waiting) error {
	if _, waits := s.byID[w.id]; waits || w.source == (wire.PublicKey{}) {
		return nil
	}
	if l := s.load[w.source]; l.updates >= PendingPerSourceMax || l.bytes+w.bytes > PendingPerSourceBytesMax {
		return fmt.Errorf("%w: %d of the same author, %d bytes", ErrBusy, l.updates, l.bytes)
	}
	return nil
}

func (s *sources) add(w waiting) {
	if _, waits := s.byID[w.id]; waits || w.source == (wire.PublicKey{}) {
		return
	}
	s.byID[w.id] = w
	l := s.load[w.source]
	s.load[w.source] = load{l.updates + 1, l.bytes + w.bytes}
}

// leave counts off what does not wait any more.
func (s *sources) leave(e bft.Effects) {
	if len(s.byID) == 0 {
		return
	}
	for _, id := range e.Busy {
		s.remove(id)
	}
	for _, id := range e.Failed {
		s.remove(id)
	}
	if e.Commit != nil {
		for _, u := range e.Commit.Batch.Updates {
			s.remove(bft.RequestID(u))
		}
	}
}

func (s *sources) remove(id wire.Hash) {
	w, waits := s.byID[id]
	if !waits {
		return
	}
	delete(s.byID, id)
	l := s.load[w.source]
	l = load{l.updates - 1, l.bytes - w.bytes}
	if s.load[w.source] = l; l.updates == 0 {
		delete(s.load, w.source)
	}
}
