package node

import (
	"context"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/ringnet"
)

// What a member answers about the ring that is to follow.

// chain gives this peer's head with all links to the newest ring that it knows.
func (m *member) chain(_ context.Context, _ wire.PeerID, q ringnet.OfObject) (ringnet.Record, error) {
	value, err := m.ring.chain(q.Object)
	return ringnet.Record{Bytes: value}, err
}

// reserveNext makes a key for the next ring of an object. Whoever asks for it
// for nothing is bounded like those who found nothing.
func (m *member) reserveNext(_ context.Context, from wire.PeerID, q ringnet.ReserveNext) (ringnet.Reserved, error) {
	if q.Object.IsZero() || q.Epoch < 2 {
		return ringnet.Reserved{}, errs.Newf("reserve ring key", q.Object.String(), errs.Usage, "epoch %d", q.Epoch)
	}
	if err := m.joins(q.Object); err != nil {
		return ringnet.Reserved{}, err
	}
	if !m.nexts.Take(from) {
		return ringnet.Reserved{}, errs.Newf("reserve ring key", q.Object.String(), errs.Full, "asked too often")
	}
	key, err := m.rings.Reserve(q.Object, q.Epoch)
	if err != nil {
		return ringnet.Reserved{}, memberError("reserve ring key", q.Object, err)
	}
	return ringnet.Reserved{Key: key}, nil
}

// acceptPlan fetches the state of an object and signs this peer's place in its
// next ring.
func (m *member) acceptPlan(ctx context.Context, _ wire.PeerID, q ringnet.AcceptPlan) (a ringnet.PlanAccepted, err error) {
	object := q.Plan.Object
	head, v, err := verifyHead(object, q.Head)
	if err == nil {
		err = q.Plan.Check(v.Ring)
	}
	if err != nil {
		return a, errs.New("join ring", object.String(), errs.Usage, err)
	}
	if err := m.holdsKey(q.Plan); err != nil {
		return a, err
	}
	if _, err := m.ring.take(ctx, object, q.Head); err != nil {
		return a, err
	}
	if err := m.fetchState(ctx, object, head, v); err != nil {
		return a, err
	}
	a.Acceptance = bft.AcceptPlan(m.key, q.Plan, v.Decision.Version)
	return a, nil
}

// holdsKey checks that a plan names this peer with the key that it has reserved.
func (m *member) holdsKey(p bft.Plan) error {
	for _, j := range p.Joining() {
		if j.Peer != m.self {
			continue
		}
		key, err := m.rings.Reserve(p.Object, p.Epoch)
		if err == nil && key == j.Key {
			return nil
		}
	}
	return errs.Newf("join ring", p.Object.String(), errs.Refused, "no key was reserved here for this ring")
}

// absent signs that a member is silent, if it is, or says itself that it leaves.
func (m *member) absent(_ context.Context, from wire.PeerID, q ringnet.Absent) (ringnet.AbsenceSigned, error) {
	if from != q.Plan.Absent && !m.silent(q.Plan.Absent) {
		return ringnet.AbsenceSigned{}, errs.Newf("replace member", q.Plan.Absent.String(), errs.Refused, "it has been heard of here")
	}
	a, err := m.rings.SignAbsence(q.Plan.Object, q.Plan)
	if err != nil {
		return ringnet.AbsenceSigned{}, memberError("replace member", q.Plan.Object, err)
	}
	return ringnet.AbsenceSigned{Absence: a}, nil
}

func (m *member) succeed(ctx context.Context, _ wire.PeerID, q ringnet.Succeed) (ringnet.Done, error) {
	return ringnet.Done{}, m.succeedTo(ctx, q.Object, q.Head)
}

func (m *member) endorse(_ context.Context, _ wire.PeerID, q ringnet.Endorse) (ringnet.Done, error) {
	if err := m.rings.Endorse(q.Object, q.Endorsement); err != nil {
		return ringnet.Done{}, memberError("endorse ring", q.Object, err)
	}
	return ringnet.Done{}, nil
}
