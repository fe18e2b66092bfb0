package keeper

import (
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/transfer"
)

// full remembers which peers said lately that they have no room. Their records
// may still promise some: what a peer has left for one author is not in them.
type full struct {
	lasts time.Duration

	mu    sync.Mutex
	until map[wire.PeerID]time.Time // at most fullMax
}

// refusedAs reports whether a peer's answer is a refusal of a kind.
func refusedAs(err error, kind transfer.RefusalKind) bool {
	var r *transfer.Refusal
	return errors.As(err, &r) && r.Kind == kind
}

func (f *full) note(p wire.PeerID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if len(f.until) >= fullMax {
		maps.DeleteFunc(f.until, func(_ wire.PeerID, t time.Time) bool { return !now.Before(t) })
	}
	if len(f.until) < fullMax {
		f.until[p] = now.Add(f.lasts)
	}
}

// says reports whether the peer said so, and it may still hold.
func (f *full) says(p wire.PeerID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Now().Before(f.until[p])
}
