package node

import (
	"context"
	"errors"
	"time"

	"github.com/atollnet/atoll/dht"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/wire"
)

const (
	// publishTick is the least time between two head records of one object.
	publishTick = time.Second
	// publishPerTick bounds the records of one tick: where thousands of objects
	// are written at once, each is published less often.
	publishPerTick = 16
)

// publishHeads publishes the heads of objects that changed, those that this peer
// leads: a reader who knows nobody of the ring finds the newest version there.
func (n *Node) publishHeads(ctx context.Context) error {
	tick := time.NewTicker(publishTick)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		for object := range n.unpublished.take(publishPerTick) {
			if err := n.publish(ctx, object); err != nil && ctx.Err() == nil {
				n.log.Debug("publishing a head", "object", object.String(), "error", err)
			}
		}
	}
}

// publish publishes the head of an object that this peer leads.
func (n *Node) publish(ctx context.Context, object wire.ObjectID) error {
	k, here, err := n.ring.local(object)
	if err != nil || !here || n.ring.inOrder(k)[0] != n.host.Self() || n.live() == 0 {
		return err
	}
	return n.ring.publish(ctx, object)
}

// publish puts this member's head record into the DHT, whatever its versions
// are archived.
func (r *ring) publish(ctx context.Context, object wire.ObjectID) error {
	value, err := r.record(object)
	if err != nil {
		return err
	}
	_, err = r.dht.PutHead(ctx, object, value)
	if errors.Is(err, dht.ErrOlder) {
		return nil
	}
	return err
}

// publishNew publishes the head of an object that has no version yet, so that
// its reference leads somewhere at once.
func (n *Node) publishNew(ctx context.Context, object wire.ObjectID, value []byte) {
	if n.live() == 0 {
		return
	}
	if _, err := n.dht.PutHead(ctx, object, value); err != nil {
		api.Note(ctx, "the new volume cannot be found by others yet: %v", err)
	}
}
