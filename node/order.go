package node

import (
	"context"
	"fmt"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/ringnet"
	"github.com/atollnet/atoll/objects"
	"github.com/atollnet/atoll/objects/update"
)

const (
	// hedgeAfter is how long one member is waited for before the next is told
	// too: half of the time after which a silent leader is suspected.
	hedgeAfter = 500 * time.Millisecond
	// orderPause is the pause before members that all failed are tried again.
	orderPause = 500 * time.Millisecond
)

// Submit returns when an update is part of a certified version, whoever of the
// ring got it there. It tries for as long as the context lets it; that it ended
// for want of a quorum is an error of kind NoQuorum.
func (r *ring) Submit(ctx context.Context, object wire.ObjectID, signed []byte) (objects.Ordered, error) {
	var last error
	for {
		k, err := r.find(ctx, object)
		if err != nil {
			return objects.Ordered{}, err
		}
		ordered, err := r.submit(ctx, object, k, signed)
		if err == nil {
			api.Report(ctx, api.Progress{Phase: "ordering", Unit: "updates"})
			return became(ordered)
		}
		if final(err) {
			return objects.Ordered{}, err
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return objects.Ordered{}, errQuorum(ctx, object, k, last)
		case <-time.After(orderPause):
		}
		r.refresh(ctx, object, k) // the ring may have changed
	}
}

// became returns what became of an update, and in which version: that is not the
// one that proves it, if the update had come to the ring twice.
func became(o ringnet.Ordered) (objects.Ordered, error) {
	outcome, err := update.ParseOutcome(o.Outcome)
	version := o.Certificate.Decision.Version
	if outcome.Repeated {
		version = outcome.Version
	}
	return objects.Ordered{Version: version, Outcome: outcome}, err
}

// final reports whether asking again would give the same.
func final(err error) bool {
	switch errs.KindOf(err) {
	case errs.Usage, errs.Refused, errs.Conflict, errs.TooFew, errs.Damaged:
		return true
	}
	return false
}

// errQuorum says why an update was not ordered: the ring lacks members, or the
// user gave up.
func errQuorum(ctx context.Context, object wire.ObjectID, k known, cause error) error {
	if cause == nil {
		cause = context.Cause(ctx)
	}
	ring := k.verified.Ring
	return errs.Hint(
		errs.New("order update", object.String(), errs.NoQuorum,
			fmt.Errorf("%d of the ring's %d members must answer: %w", ring.Quorum(), len(ring.Members), cause)),
		"reading goes on; `peerctl ring` shows who is missing, and writing goes on when they return")
}

// refresh looks for a newer ring where the present one does not order: members
// that have made way for it know, and the DHT does. It takes not longer than the
// members may be back.
func (r *ring) refresh(ctx context.Context, object wire.ObjectID, k known) {
	ctx, cancel := context.WithTimeout(ctx, headAskMax)
	defer cancel()
	if fresh, err := r.ask(ctx, object, k); err == nil && fresh.verified.Epoch > k.verified.Epoch {
		return
	}
	if _, err := r.lookup(ctx, object); err != nil && ctx.Err() == nil {
		r.log.Debug("looking for the ring", "object", object.String(), "error", err)
	}
}

// submit gives an update to one member of the ring after another until one
// proves what became of it: the likely leader first, the next when that one
// failed or has said nothing for a while. That it is refused is believed when
// more members say so than may lie; this peer's own may be behind.
func (r *ring) submit(ctx context.Context, object wire.ObjectID, k known, signed []byte) (ringnet.Ordered, error) {
	refusals := 0
	t := turns{patience: hedgeAfter, settles: func(_ wire.PeerID, err error) bool {
		if final(err) {
			refusals++
		}
		return refusals > k.verified.Ring.Faults()
	}}
	ordered, _, err := inTurn(ctx, t, r.inOrder(k), errs.NoQuorum, func(ctx context.Context, m wire.PeerID) (ringnet.Ordered, error) {
		ordered, err := r.submitTo(ctx, m, object, k, signed)
		if m != r.self && final(err) && r.lags(ctx, m, object) {
			err = errs.Newf("order update", m.String(), errs.NoQuorum, "this member is behind, and refuses the update: %v", err)
		}
		return ordered, err
	})
	return ordered, errs.Wrap("order update", object.String(), err)
}

// lags reports whether a member that refuses an update has an older head than was
// seen here, and shows it the newer one: its refusal may be wrong by now, as the
// author may write only since. A newer one, on which the refusal rests, is learnt.
func (r *ring) lags(ctx context.Context, m wire.PeerID, object wire.ObjectID) bool {
	ctx, cancel := context.WithTimeout(ctx, headAskMax)
	defer cancel()
	seen, _ := r.heads.find(object)
	record, err := ringnet.Ask[ringnet.Record](ctx, r.calls, m, ringnet.KindHead, ringnet.OfObject{Object: object})
	if err != nil {
		return false
	}
	got, err := r.take(ctx, object, record.Bytes)
	if err != nil {
		r.log.Debug("the head of a member that refuses", "object", object.String(), "peer", m.String(), "error", err)
		return false
	}
	verified, err := r.checks.verify(object, record.Bytes)
	if err != nil || bft.Compare(verified, seen.verified) >= 0 {
		return false
	}
	r.relay(ctx, m, object, got)
	return true
}

// submitTo gives an update to one member, this peer's own perhaps, and checks
// what it says.
func (r *ring) submitTo(ctx context.Context, m wire.PeerID, object wire.ObjectID, k known, signed []byte) (o ringnet.Ordered, err error) {
	if m == r.self {
		reply, err := r.order(ctx, object, signed)
		if err != nil {
			return o, memberError("order update", object, err)
		}
		r.heads.commit(object, reply.Certificate)
		r.expose(ctx, object)
		return ringnet.Ordered{Certificate: reply.Certificate, Outcome: reply.Outcome, Proof: reply.Proof}, nil
	}
	o, err = ringnet.Ask[ringnet.Ordered](ctx, r.calls, m, ringnet.KindSubmit, ringnet.Submit{Object: object, Update: signed})
	if errs.KindOf(err) == errs.NotFound {
		r.tellSuccessor(ctx, m, object, k)
	}
	if err != nil {
		return o, err
	}
	if err := r.prove(ctx, m, object, k, o); err != nil {
		return o, err
	}
	if err := o.Proof.Verify(o.Certificate.Decision, signed, o.Outcome); err != nil {
		return o, errs.New("order update", m.String(), errs.NoQuorum, err)
	}
	r.heads.commit(object, o.Certificate)
	r.expose(ctx, object)
	return o, nil
}

// tellSuccessor shows a member of a later ring that its time has come, if it has
// not heard of it: the members of the ring before may have stopped as soon as
// they had made way for it.
func (r *ring) tellSuccessor(ctx context.Context, m wire.PeerID, object wire.ObjectID, k known) {
	if k.verified.Epoch < 2 {
		return
	}
	value, err := k.head.Encode()
	if err == nil {
		_, err = r.succession(object, value)(ctx, m)
	}
	if err != nil {
		r.log.Debug("a member has not heard of its ring", "object", object.String(), "peer", m.String(), "error", err)
	}
}

// prove checks the certificate of an answer, once for all updates of a version.
// One of a ring that came after the one known here needs that ring's chain.
func (r *ring) prove(ctx context.Context, m wire.PeerID, object wire.ObjectID, k known, o ringnet.Ordered) error {
	seen, _ := r.heads.find(object)
	if seen.head.Commit != nil && seen.verified.Version == o.Certificate.Version() {
		return nil
	}
	ring := k.verified.Ring
	if o.Certificate.Decision.Ring != ring.ID() {
		record, err := ringnet.Ask[ringnet.Record](ctx, r.calls, m, ringnet.KindHead, ringnet.OfObject{Object: object})
		if err != nil {
			return err
		}
		fresh, err := r.take(ctx, object, record.Bytes)
		if err != nil {
			return err
		}
		ring = fresh.verified.Ring
	}
	if err := o.Certificate.Verify(bft.Commit, ring); err != nil {
		return errs.New("order update", m.String(), errs.NoQuorum, err)
	}
	return nil
}
