package dht

import (
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// suspectsMax bounds the peers that are spared; further ones are asked, and
// cost their time.
const suspectsMax = 256

// suspects are peers that are not to be asked for a while.
type suspects struct {
	mu    sync.Mutex
	until map[peer.ID]time.Time
}

func (s *suspects) add(p peer.ID, until time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.until == nil {
		s.until = map[peer.ID]time.Time{}
	}
	if len(s.until) < suspectsMax {
		s.until[p] = until
	}
}

func (s *suspects) has(p peer.ID, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	until, ok := s.until[p]
	if ok && !now.Before(until) {
		delete(s.until, p)
		return false
	}
	return ok
}

// clear takes p off the list: there is news of it.
func (s *suspects) clear(p peer.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.until, p)
}
