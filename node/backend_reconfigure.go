package node

import (
	"context"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects"
)

// ReplaceMember puts another peer in the place of a member.
func (b backend) ReplaceMember(ctx context.Context, r api.ReplaceRequest) (api.Ring, error) {
	_, p, err := b.place(ctx, r.Ref, false)
	if err != nil {
		return api.Ring{}, err
	}
	peer, err := wire.ParsePeerID(r.Peer)
	if err != nil {
		return api.Ring{}, errs.New("replace member", r.Peer, errs.Usage, err)
	}
	c, err := b.ringOf(ctx, p.Object)
	if err != nil {
		return api.Ring{}, err
	}
	if _, mine := b.ownerOf(c.k.head.Genesis); !mine {
		return api.Ring{}, errNotOwner("replace member", p.Object)
	}
	if c.k.verified.Ring.Index(peer) < 0 {
		return api.Ring{}, errs.Hint(errs.Newf("replace member", r.Peer, errs.NotFound, "it is not in the ring"), "`peerctl ring` lists the members")
	}
	c.out[peer] = true
	if err := b.reconfigure(ctx, c); err != nil {
		return api.Ring{}, err
	}
	return b.Ring(ctx, api.RingRequest{Ref: r.Ref})
}

// Recoverable says what is left of a ring.
func (b backend) Recoverable(ctx context.Context, r api.RingRequest) (api.Recoverable, error) {
	c, answering, _, err := b.lost(ctx, r.Ref)
	if err != nil {
		return api.Recoverable{}, err
	}
	ring, d := c.k.verified.Ring, c.k.verified.Decision
	out := api.Recoverable{
		Object: c.object.String(), From: uint64(d.Version), Members: len(ring.Members), Answering: answering, Quorum: ring.Quorum(), DiscardMax: -1,
	}
	if d.Version > 0 {
		out.Time = time.UnixMilli(d.TimeUnixMilli).UTC()
	}
	if answering > ring.Faults() {
		// A version is only proposed to members that hold the certificate of the
		// one before, and a quorum of those has one of the answering in it.
		out.DiscardMax = 1
	}
	return out, nil
}

// RecoverRing makes a new ring in the place of a lost one.
func (b backend) RecoverRing(ctx context.Context, r api.RecoverRequest) (api.Ring, error) {
	c, _, owner, err := b.lost(ctx, r.Ref)
	if err != nil {
		return api.Ring{}, err
	}
	if newest := uint64(c.k.verified.Decision.Version); newest != r.From {
		return api.Ring{}, errs.Newf("recover ring", c.object.String(), errs.Conflict, "version %d has been found now, not %d: look again", newest, r.From)
	}
	if err := b.recover(ctx, c, owner); err != nil {
		return api.Ring{}, err
	}
	return b.Ring(ctx, api.RingRequest{Ref: r.Ref})
}

// lost finds what is left of a ring, which must be beyond ordering, of an object
// of this peer's user.
func (b backend) lost(ctx context.Context, ref string) (c change, answering int, owner wire.Key, err error) {
	_, p, err := b.place(ctx, ref, false)
	if err != nil {
		return c, 0, owner, err
	}
	if c, answering, err = b.lostRing(ctx, p.Object); err != nil {
		return c, 0, owner, err
	}
	owner, mine := b.ownerOf(c.k.head.Genesis)
	if !mine {
		return c, 0, owner, errNotOwner("recover ring", p.Object)
	}
	if isDeleted(c.k.head) {
		return c, 0, owner, errs.New("recover ring", p.Object.String(), errs.NotFound, objects.ErrDeleted)
	}
	if ring := c.k.verified.Ring; answering >= ring.Quorum() {
		return c, 0, owner, errs.Hint(errs.Newf("recover ring", p.Object.String(), errs.Conflict,
			"%d of %d members answer, which is enough", answering, len(ring.Members)), "replace single members with `peerctl ring REF --replace PEER`")
	}
	return c, answering, owner, nil
}

func errNotOwner(operation string, object wire.ObjectID) error {
	return errs.Newf(operation, object.String(), errs.Refused, "only the volume's owner may")
}
