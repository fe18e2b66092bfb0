package node

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/ringnet"
	"github.com/atollnet/atoll/objects/archive"
)

const (
	// archiveTick is how often objects with versions that are not archived yet
	// are looked at: after a crash, or a change that did not wait.
	archiveTick = 30 * time.Second
	// archiveTurn is for how many ticks a member leaves that to each of those
	// before it, the leader of the object's ring first.
	archiveTurn = 1
	// archivePerTick bounds the objects of one tick: a peer may order thousands.
	archivePerTick = 64
	// publishEvery is how often all heads are published again, though nothing
	// changed: peers come and go.
	publishEvery = 12 * time.Hour
)

// agenda is the objects whose newest versions may have to be archived or
// published: those that changed, not all that there are. Each has the number of
// ticks for which it has waited.
type agenda struct {
	mu      sync.Mutex
	objects map[wire.ObjectID]int // at most as many as this peer orders
}

func newAgenda() *agenda { return &agenda{objects: make(map[wire.ObjectID]int)} }

func (a *agenda) add(object wire.ObjectID) { a.again(object, 0) }

// again puts an object back that has waited for some ticks.
func (a *agenda) again(object wire.ObjectID, ticks int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, waits := a.objects[object]; !waits {
		a.objects[object] = ticks
	}
}

// take takes out at most max objects.
func (a *agenda) take(max int) map[wire.ObjectID]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	due := make(map[wire.ObjectID]int)
	for object, ticks := range a.objects {
		if len(due) == max {
			break
		}
		due[object] = ticks
		delete(a.objects, object)
	}
	return due
}

// published is when all heads were last published, and how many peers were known
// then.
type published struct {
	at    time.Time
	peers int
}

// due reports whether they are to be published again: long ago, or when twice as
// many peers are known, for those who were nearest to them then may not be now,
// and what is archived may lie on few.
func (p published) due(now time.Time, peers int) bool {
	return now.Sub(p.at) > publishEvery || peers >= 2*p.peers
}

// keepArchived archives and publishes what a change did not wait for.
func (n *Node) keepArchived(ctx context.Context) error {
	var last published
	tick := time.NewTicker(archiveTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		peers := n.live() + 1
		if peers == 1 {
			continue // there is nobody to tell
		}
		if now := time.Now(); last.due(now, peers) {
			if n.addAll() {
				last = published{now, peers}
			}
		}
		for object, ticks := range n.agenda.take(archivePerTick) {
			if err := n.archiveSoon(ctx, object, ticks); err != nil && ctx.Err() == nil {
				n.log.Warn("archiving", "object", object.String(), "error", err)
				n.agenda.again(object, ticks+1)
			}
		}
	}
}

// addAll puts all objects on the agenda.
func (n *Node) addAll() bool {
	objects, err := n.rings.Objects()
	if err != nil {
		n.log.Warn("archiving", "error", err)
		return false
	}
	for _, o := range objects {
		n.agenda.add(o)
	}
	return true
}

// archiveSoon has the leader of a ring archive, and the other members take over
// what it has archived. Those that wait in vain take turns: the leader may be gone,
// or have joined after the versions that are to be archived. Whose turn it is
// takes over what was published last and archives the rest.
func (n *Node) archiveSoon(ctx context.Context, object wire.ObjectID, ticks int) error {
	k, here, err := n.ring.local(object)
	if err != nil || !here {
		return err
	}
	order := n.ring.inOrder(k)
	turn := max(slices.Index(order, n.host.Self()), 0) // 0: it is no member any more
	if !isDeleted(k.head) && ticks < turn*archiveTurn {
		pending, err := n.adoptAny(ctx, object, order[:turn])
		if err == nil && pending {
			n.agenda.again(object, ticks+1)
		}
		return err
	}
	if pending, err := n.ring.archiver.Pending(object); err == nil && pending {
		if err := n.adoptPublished(ctx, object); err != nil {
			n.log.Debug("taking over the published archive", "object", object.String(), "error", err)
		}
	}
	return n.ring.archiveHere(ctx, object)
}

// adoptAny takes over what one of these members has archived, and reports whether
// something is left.
func (n *Node) adoptAny(ctx context.Context, object wire.ObjectID, members []wire.PeerID) (pending bool, err error) {
	for _, m := range members {
		if err := n.adopt(ctx, object, m); err != nil {
			n.log.Debug("taking over an archive", "object", object.String(), "member", m.String(), "error", err)
		}
		if pending, err = n.ring.archiver.Pending(object); err != nil || !pending {
			return false, err
		}
	}
	return true, nil
}

// adoptPublished takes over what a head record in the DHT says is archived: the
// leader may have archived and published, and be gone.
func (n *Node) adoptPublished(ctx context.Context, object wire.ObjectID) error {
	ctx, cancel := context.WithTimeout(ctx, archiveTick)
	defer cancel()
	k, err := n.ring.lookup(ctx, object)
	if err != nil || isDeleted(k.head) {
		return err
	}
	return n.takeOver(ctx, object, k.head.Hint)
}

// adopt takes over what another member has archived.
func (n *Node) adopt(ctx context.Context, object wire.ObjectID, from wire.PeerID) error {
	ctx, cancel := context.WithTimeout(ctx, archiveTick)
	defer cancel()
	record, err := ringnet.Ask[ringnet.Record](ctx, n.calls, from, ringnet.KindHead, ringnet.OfObject{Object: object})
	if err != nil {
		return err
	}
	head, verified, err := n.ring.checks.open(object, record.Bytes)
	if err != nil {
		return err
	}
	n.ring.catchUp(object, head, verified)
	return n.takeOver(ctx, object, head.Hint)
}

// takeOver takes over the archive that a hint leads to.
func (n *Node) takeOver(ctx context.Context, object wire.ObjectID, encoded []byte) error {
	hint, err := archive.ParseHint(encoded)
	if err != nil {
		return err
	}
	defer n.ring.changed(object)
	return n.ring.archiver.Adopt(ctx, object, n.fetcher, hint)
}
