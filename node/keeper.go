package node

import (
	"context"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/update"
)

const (
	// ringTick is how often rings are looked at that this peer keeps.
	ringTick = 5 * time.Second
	// ringsPerTick bounds the objects looked at in one tick; all come up in turn.
	ringsPerTick = 64
	// ringDeadAfterDefault is how long a member is silent before the others
	// replace it.
	ringDeadAfterDefault = time.Hour
	// probeTimeout is how long a member may take to accept a connection.
	probeTimeout = 3 * time.Second
)

// silent reports whether a peer has been silent for so long that its place in a
// ring is another's.
func (n *Node) silent(peer wire.PeerID) bool {
	return !n.host.Connected(peer) && n.pulse.silent(peer, time.Now(), n.config.RingDeadAfter)
}

// probe learns whether members of rings live. One to which a connection is open
// does; others are called on, each a few times before it counts as silent.
func (n *Node) probe(ctx context.Context, peers map[wire.PeerID]bool) {
	now := time.Now()
	var due []wire.PeerID
	for p := range peers {
		if n.host.Connected(p) {
			n.pulse.beat(p, now)
		} else if n.pulse.due(p, now, n.config.RingDeadAfter/4) {
			due = append(due, p)
		}
	}
	answers := askAllFor(ctx, probeTimeout, due, func(ctx context.Context, p wire.PeerID) (struct{}, error) {
		return struct{}{}, n.host.Reach(ctx, p)
	})
	for i, a := range answers {
		if a.err == nil {
			n.pulse.beat(due[i], time.Now())
		}
	}
}

// keepRings keeps the rings that this peer is in, and those of its user's
// volumes, at their size.
func (n *Node) keepRings(ctx context.Context) error {
	tick := time.NewTicker(jitter(min(ringTick, n.config.RingDeadAfter/4)))
	defer tick.Stop()
	var at wire.ObjectID
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		at = n.replaceDead(ctx, at)
		for _, v := range n.volumes.list() {
			if err := n.grow(ctx, v); err != nil && ctx.Err() == nil {
				n.log.Warn("a ring does not grow", "object", v.Object.String(), "error", err)
			}
		}
	}
}

// replaceDead looks at the rings after one and returns the last that it looked
// at, or the zero object when it has come to the end.
func (n *Node) replaceDead(ctx context.Context, after wire.ObjectID) wire.ObjectID {
	rings, err := n.rings.RingsAfter(after, ringsPerTick)
	if err != nil {
		n.log.Warn("looking after rings", "error", err)
		return after
	}
	n.probe(ctx, n.fellows(rings))
	for _, ring := range rings {
		if err := n.replaceDeadOf(ctx, ring); err != nil && ctx.Err() == nil {
			n.log.Warn("a silent member is not replaced yet", "object", ring.Object.String(), "error", err)
		}
	}
	if len(rings) < ringsPerTick {
		return wire.ObjectID{}
	}
	return rings[len(rings)-1].Object
}

// fellows lists the other members of rings that this peer is in.
func (n *Node) fellows(rings []bft.RingCert) map[wire.PeerID]bool {
	all := make(map[wire.PeerID]bool)
	for _, ring := range rings {
		for _, m := range ring.Members {
			if m.Peer != n.host.Self() {
				all[m.Peer] = true
			}
		}
	}
	return all
}

// replaceDeadOf replaces a member of a ring that is silent. The other members take
// turns: the later in the ring, the longer one waits for those before it.
func (n *Node) replaceDeadOf(ctx context.Context, ring bft.RingCert) error {
	var dead []wire.PeerID
	turn := time.Duration(0)
	before := true
	for _, m := range ring.Members {
		switch {
		case m.Peer == n.host.Self():
			before = false
		case n.silent(m.Peer):
			dead = append(dead, m.Peer)
		case before:
			turn++
		}
	}
	if len(dead) == 0 || len(dead) > ring.Faults() {
		return nil // with more the owner must decide
	}
	if k, here, err := n.ring.local(ring.Object); err != nil || here && isDeleted(k.head) {
		return err // there is nothing left to order
	}
	limit := n.config.RingDeadAfter
	if !n.pulse.silent(dead[0], time.Now(), limit+turn*limit/4) {
		return nil
	}
	return n.replaceSilent(ctx, ring.Object, dead[0])
}

// grow makes the ring of a volume of this user as large as the volume wants and
// the network allows.
func (n *Node) grow(ctx context.Context, v envelope.Volume) error {
	k, seen := n.ring.heads.find(v.Object)
	if !seen {
		var here bool
		var err error
		if k, here, err = n.ring.local(v.Object); err != nil || !here {
			return err // it is looked up when it is used
		}
	}
	owner := k.head.Genesis.Body.Owner == n.volumes.author().Public() && !isDeleted(k.head)
	policy, err := update.ParsePolicy(k.head.Genesis.Body.Policy)
	has := len(k.verified.Ring.Members)
	if err != nil || !owner || has >= int(policy.RingSize) {
		return err
	}
	others := len(n.census.Candidates())
	possible := min(ringSizeWithin(others), int(policy.RingSize))
	if possible <= has {
		return nil
	}
	c, err := n.ringOf(ctx, v.Object)
	if err != nil || c.size >= possible {
		return err
	}
	c.size = possible
	c.out[n.host.Self()] = others >= possible
	return n.reconfigure(ctx, c)
}

// ownerOf returns the key of an object's owner if that is this peer's user.
func (n *Node) ownerOf(g bft.Genesis) (wire.Key, bool) {
	key := n.volumes.author()
	return key, key.Public() == g.Body.Owner
}
