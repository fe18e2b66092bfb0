package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/census"
	"github.com/atollnet/atoll/node/ringnet"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/update"
)

const (
	// joinTimeout is how long a peer may take to answer whether it joins a ring.
	joinTimeout = 3 * time.Second
	// foundTries is how often a ring is put together anew because a peer that
	// had agreed was gone when it was to begin.
	foundTries = 3
)

// newVolume makes a volume that a ring of so many peers orders, or as many as
// there are; 0 is what the default policy says. nines is the durability of what
// is put into it.
func (n *Node) newVolume(ctx context.Context, petname string, ringSize, nines int) (envelope.Volume, error) {
	policy := update.DefaultPolicy()
	policy.Nines = uint8(nines)
	if ringSize != 0 {
		policy.RingSize = uint8(ringSize)
	}
	return n.volumes.make(petname, func(owner wire.Key) (bft.Genesis, error) { return n.found(ctx, owner, petname, policy) })
}

// found makes a ring for a new object.
func (n *Node) found(ctx context.Context, owner wire.Key, label string, policy update.Policy) (g bft.Genesis, err error) {
	failed := make(map[wire.PeerID]bool)
	for range foundTries {
		members := n.gather(ctx, owner.Public(), int(policy.RingSize), failed)
		if len(members) == 0 {
			return g, errs.Newf("make ring", "", errs.NoQuorum, "not even this peer can order it")
		}
		if g, err = n.establish(ctx, owner, label, policy, members, failed); err == nil {
			n.sayRing(ctx, len(members), int(policy.RingSize))
			return g, nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return g, errs.Wrap("make ring", "", err)
}

// sayRing tells the user of a ring that is smaller than was asked for.
func (n *Node) sayRing(ctx context.Context, got, wanted int) {
	if got < wanted {
		api.Note(ctx, "%d of the %d peers of the volume's ring could be had: %s", got, wanted, ringMeans(got))
	}
}

// ringMeans says what a ring of a size withstands.
func ringMeans(size int) string {
	if size == 1 {
		return "one peer orders it, and writing needs that peer alive"
	}
	return fmt.Sprintf("it withstands %d that fail or lie", (size-1)/3)
}

// gather finds peers that would order an object, spread over address groups, and
// their keys: the largest size of a ring up to the one wanted. The own peer is
// asked last, since a ring of others goes on when it is off.
func (n *Node) gather(ctx context.Context, owner wire.PublicKey, wanted int, failed map[wire.PeerID]bool) []bft.Member {
	var members []bft.Member
	line := n.ringCandidates(failed)
	for len(line) > 0 && len(members) < wanted && ctx.Err() == nil {
		asked := line[:min(len(line), wanted-len(members))]
		line = line[len(asked):]
		members = append(members, n.reserve(ctx, owner, asked, failed)...)
	}
	return members[:ringSizeWithin(len(members))]
}

// ringSizeWithin returns the largest size of a ring (3f+1) among so many peers.
func ringSizeWithin(peers int) int {
	if peers == 0 {
		return 0
	}
	return min((peers-1)/3*3+1, wire.RingMembersMax)
}

// ringCandidates lists the peers that could join a ring in the order in which
// they are asked: drawn by lot, one of each address group before two of any,
// this peer last.
func (n *Node) ringCandidates(failed map[wire.PeerID]bool) []wire.PeerID {
	known := n.census.Candidates()
	mathrand.Shuffle(len(known), func(i, j int) { known[i], known[j] = known[j], known[i] })
	return append(spread(known, failed), n.host.Self())
}

func spread(known []census.Info, failed map[wire.PeerID]bool) []wire.PeerID {
	var order, later []wire.PeerID
	groups := make(map[string]bool)
	for _, i := range known {
		switch {
		case failed[i.Peer]:
		case groups[i.Group]:
			later = append(later, i.Peer)
		default:
			groups[i.Group] = true
			order = append(order, i.Peer)
		}
	}
	return append(order, later...)
}

// reserve asks peers, all at once, for keys.
func (n *Node) reserve(ctx context.Context, owner wire.PublicKey, peers []wire.PeerID, failed map[wire.PeerID]bool) (members []bft.Member) {
	answers := askAll(ctx, peers, func(ctx context.Context, p wire.PeerID) (ringnet.Reserved, error) {
		return ringnet.Ask[ringnet.Reserved](ctx, n.calls, p, ringnet.KindReserve, ringnet.Reserve{Owner: owner})
	})
	for i, a := range answers {
		if a.err != nil || a.got.Key.IsZero() {
			failed[peers[i]] = true
			n.log.Debug("peer does not join a ring", "peer", peers[i].String(), "error", a.err)
			continue
		}
		members = append(members, bft.Member{Peer: peers[i], Key: a.got.Key})
	}
	return members
}

// establish has the members accept a genesis and begin.
func (n *Node) establish(ctx context.Context, owner wire.Key, label string, policy update.Policy, members []bft.Member, failed map[wire.PeerID]bool) (g bft.Genesis, err error) {
	var salt [16]byte
	if _, err := rand.Read(salt[:]); err != nil {
		return g, err
	}
	body := bft.NewGenesisBody(owner.Public(), label, salt, policy.Encode(), members)
	peers := make([]wire.PeerID, len(members))
	for i, m := range members {
		peers[i] = m.Peer
	}
	accepted := askAll(ctx, peers, func(ctx context.Context, p wire.PeerID) (ringnet.Accepted, error) {
		return ringnet.Ask[ringnet.Accepted](ctx, n.calls, p, ringnet.KindAccept, ringnet.Accept{Body: body})
	})
	if err := failures(peers, accepted, failed); err != nil {
		return g, err
	}
	signatures := make([]wire.Signature, len(accepted))
	for i, a := range accepted {
		signatures[i] = a.got.Signature
	}
	g = bft.NewGenesis(owner, body, signatures)
	if _, err := g.Verify(); err != nil {
		return g, err
	}
	begun := askAll(ctx, peers, func(ctx context.Context, p wire.PeerID) (ringnet.Done, error) {
		return ringnet.Ask[ringnet.Done](ctx, n.calls, p, ringnet.KindFound, ringnet.Found{Genesis: g})
	})
	if err := failures(peers, begun, failed); err != nil {
		return g, err
	}
	return g, n.introduce(ctx, g)
}

// introduce makes a new object known to this gateway and to others.
func (n *Node) introduce(ctx context.Context, g bft.Genesis) error {
	object, head := g.Body.ObjectID(), bft.NewHead(g, nil)
	value, err := head.Encode()
	if err != nil {
		return err
	}
	if _, err := n.ring.take(ctx, object, value); err != nil {
		return err
	}
	n.publishNew(ctx, object, value)
	return nil
}

// asked is what one peer answered.
type asked[A any] struct {
	got A
	err error
}

// askAll asks peers at once, each for at most joinTimeout.
func askAll[A any](ctx context.Context, peers []wire.PeerID, ask func(context.Context, wire.PeerID) (A, error)) []asked[A] {
	return askAllFor(ctx, joinTimeout, peers, ask)
}

func askAllFor[A any](ctx context.Context, limit time.Duration, peers []wire.PeerID, ask func(context.Context, wire.PeerID) (A, error)) []asked[A] {
	answers := make([]asked[A], len(peers))
	done := make(chan struct{})
	for i, p := range peers {
		go func() {
			ctx, cancel := context.WithTimeout(ctx, limit)
			defer cancel()
			answers[i].got, answers[i].err = ask(ctx, p)
			done <- struct{}{}
		}()
	}
	for range peers {
		<-done
	}
	return answers
}

// failures notes who failed and returns why.
func failures[A any](peers []wire.PeerID, answers []asked[A], failed map[wire.PeerID]bool) error {
	var causes []error
	for i, a := range answers {
		if a.err != nil {
			failed[peers[i]] = true
			causes = append(causes, fmt.Errorf("%s: %w", peers[i], a.err))
		}
	}
	return errors.Join(causes...)
}
