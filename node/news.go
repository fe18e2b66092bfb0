package node

import (
	"context"
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// Limits of those who watch objects that this peer orders.
const (
	// watchesMax is how many watches of other peers are served at a time,
	// watchesPerPeerMax those of one.
	watchesMax        = 4096
	watchesPerPeerMax = 64
)

// news wakes those who wait for versions of objects. What has happened they find
// out themselves: however many versions come at once, one wake is enough.
type news struct {
	mu      sync.Mutex
	waiting map[wire.ObjectID]map[chan struct{}]bool
	served  map[wire.PeerID]int // watches of other peers
	all     int                 // of them
}

func newNews() *news {
	return &news{waiting: make(map[wire.ObjectID]map[chan struct{}]bool), served: make(map[wire.PeerID]int)}
}

// tell says that something has happened to an object. It does not block.
func (n *news) tell(object wire.ObjectID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.waiting[object] {
		select {
		case c <- struct{}{}:
		default: // it has been woken and not looked yet
		}
	}
}

// listen returns what is sent to when something happens to an object, until stop.
func (n *news) listen(object wire.ObjectID) (woken <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.waiting[object] == nil {
		n.waiting[object] = make(map[chan struct{}]bool)
	}
	n.waiting[object][c] = true
	return c, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.waiting[object], c)
		if len(n.waiting[object]) == 0 {
			delete(n.waiting, object)
		}
	}
}

// try calls done at once and whenever something has happened to the object, until it
// is true, or for so long.
func (n *news) try(ctx context.Context, object wire.ObjectID, limit time.Duration, done func() bool) {
	woken, stop := n.listen(object)
	defer stop()
	late := time.NewTimer(limit)
	defer late.Stop()
	for !done() {
		select {
		case <-woken:
		case <-late.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// admit takes room for a watch of another peer, which leave gives back.
func (n *news) admit(from wire.PeerID) (leave func(), err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.all >= watchesMax || n.served[from] >= watchesPerPeerMax {
		return nil, errs.Newf("watch", "", errs.Full, "this peer serves as many watches as it may")
	}
	n.all++
	n.served[from]++
	return func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.all--
		if n.served[from]--; n.served[from] == 0 {
			delete(n.served, from)
		}
	}, nil
}
