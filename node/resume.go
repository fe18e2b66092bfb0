package node

import (
	"context"
	"time"

	"github.com/atollnet/atoll/internal/wire"
)

const (
	// resumeAfter is how long after its start a peer asks what its rings have
	// decided without it: the first connections are there by then.
	resumeAfter = time.Second
	// resumePause is the pause between two objects: a peer may order thousands.
	resumePause = 20 * time.Millisecond
)

// resumeRings has this peer's members catch up with what was decided while the
// peer was off. A member that lags and hears of nothing new would stay behind,
// and be missed when others fail.
func (n *Node) resumeRings(ctx context.Context) error {
	objects, err := n.rings.Objects()
	if err != nil {
		return err
	}
	pause := time.NewTimer(resumeAfter)
	defer pause.Stop()
	for _, object := range objects {
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
		n.resume(ctx, object)
		pause.Reset(resumePause)
	}
	return nil
}

func (n *Node) resume(ctx context.Context, object wire.ObjectID) {
	k, here, err := n.ring.local(object)
	if err != nil || !here || len(k.verified.Ring.Members) == 1 {
		return
	}
	if k, err = n.ring.ask(ctx, object, k); err != nil {
		n.log.Debug("asking what was decided meanwhile", "object", object.String(), "error", err)
	} else {
		n.ring.catchUp(object, k.head, k.verified)
	}
	// The whole ring may have been replaced, so that none of it knows.
	if _, err := n.ring.lookup(ctx, object); err != nil && ctx.Err() == nil {
		n.log.Debug("looking for a newer ring", "object", object.String(), "error", err)
	}
}
