package node

import (
	"context"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/ringnet"
	"github.com/atollnet/atoll/objects/update"
)

// Ring asks every member of an object's ring how it is.
func (b backend) Ring(ctx context.Context, r api.RingRequest) (api.Ring, error) {
	_, p, err := b.place(ctx, r.Ref, false)
	if err != nil {
		return api.Ring{}, err
	}
	k, err := b.ring.newest(ctx, p.Object)
	if err != nil {
		return api.Ring{}, err
	}
	standings := b.ring.standings(ctx, p.Object, k)
	for _, s := range standings {
		if s.err == nil && bft.Compare(s.verified, k.verified) > 0 {
			k.head, k.verified = s.head, s.verified
		}
	}
	ring, err := b.exportRing(k, standings)
	b.ring.evidence(ctx, p.Object, k, &ring)
	return ring, err
}

func (b backend) exportRing(k known, standings []standing) (api.Ring, error) {
	ring, d := k.verified.Ring, k.verified.Decision
	policy, err := update.ParsePolicy(k.head.Genesis.Body.Policy)
	if err != nil {
		return api.Ring{}, err
	}
	out := api.Ring{
		Object: ring.Object.String(), Epoch: uint64(ring.Epoch), Version: uint64(d.Version), Quorum: ring.Quorum(),
		Wanted: int(policy.RingSize), Overrides: k.verified.Overrides,
	}
	view := wire.View(0)
	if k.head.Commit != nil {
		view, out.Certificate = k.head.Commit.View, k.verified.Version.String()
		out.Time = time.UnixMilli(d.TimeUnixMilli).UTC()
	}
	out.View, out.Leader = uint64(view), ring.Members[ring.Leader(view)].Peer.String()
	for i, m := range ring.Members {
		s := standings[i]
		if s.answers() {
			out.Answering++
		}
		out.Members = append(out.Members, api.RingMember{
			Peer: m.Peer.String(), State: s.state(k), Version: uint64(s.verified.Decision.Version), RTT: s.took.Microseconds(),
		})
	}
	return out, nil
}

// standing is what one member answers about itself.
type standing struct {
	head     bft.Head
	verified bft.Verified
	took     time.Duration
	err      error
}

func (s standing) answers() bool { return s.err == nil }

func (s standing) state(k known) string {
	switch {
	case errs.KindOf(s.err) == errs.NotFound:
		return api.MemberLost
	case s.err != nil:
		return api.MemberSilent
	case bft.Compare(s.verified, k.verified) < 0:
		return api.MemberBehind
	}
	return api.MemberOK
}

// standings asks all members at once and waits for each, in their order.
func (r *ring) standings(ctx context.Context, object wire.ObjectID, k known) []standing {
	members := k.verified.Ring.Members
	all := make([]standing, len(members))
	done := make(chan struct{})
	for i, m := range members {
		go func() {
			all[i] = r.standing(ctx, m.Peer, object)
			done <- struct{}{}
		}()
	}
	for range members {
		<-done
	}
	return all
}

func (r *ring) standing(ctx context.Context, m wire.PeerID, object wire.ObjectID) (s standing) {
	ctx, cancel := context.WithTimeout(ctx, headAskMax)
	defer cancel()
	began := time.Now()
	record, err := ringnet.Ask[ringnet.Record](ctx, r.calls, m, ringnet.KindHead, ringnet.OfObject{Object: object})
	if s.err = err; err != nil {
		return s
	}
	s.took = time.Since(began)
	s.head, s.verified, s.err = verifyHead(object, record.Bytes)
	return s
}
