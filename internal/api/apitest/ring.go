package apitest

import (
	"context"
	"strings"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// Ring implements api.Backend: a ring of one, which has everything.
func (f *Fake) Ring(_ context.Context, r api.RingRequest) (api.Ring, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.resolve(r.Ref)
	if err != nil {
		return api.Ring{}, err
	}
	const self = "12D3KooWFake"
	newest := p.volume.newest()
	return api.Ring{
		Object: p.volume.object, Epoch: 1, Version: newest, Time: p.volume.versions[newest].time,
		Leader: self, Quorum: 1, Answering: 1, Wanted: 1, Evidence: []string{},
		Members: []api.RingMember{{Peer: self, State: api.MemberOK, Version: newest}},
	}, nil
}

// ReplaceMember implements api.Backend: there is nobody to take the place.
func (f *Fake) ReplaceMember(ctx context.Context, r api.ReplaceRequest) (api.Ring, error) {
	ring, err := f.Ring(ctx, api.RingRequest{Ref: r.Ref})
	if err != nil {
		return api.Ring{}, err
	}
	if r.Peer != ring.Leader {
		return api.Ring{}, errs.Newf("replace member", r.Peer, errs.NotFound, "it is not in the ring")
	}
	return api.Ring{}, errs.Newf("change ring", ring.Object, errs.NoQuorum, "0 of 1 peers join")
}

// Recoverable implements api.Backend: the ring is never lost, but for volumes of
// that name.
func (f *Fake) Recoverable(ctx context.Context, r api.RingRequest) (api.Recoverable, error) {
	ring, err := f.Ring(ctx, r)
	if err != nil {
		return api.Recoverable{}, err
	}
	if !strings.HasPrefix(r.Ref, LostVolume) {
		return api.Recoverable{}, errs.Newf("recover ring", ring.Object, errs.Conflict, "1 of 1 members answer, which is enough")
	}
	return api.Recoverable{Object: ring.Object, From: ring.Version, Time: ring.Time, Members: 4, Answering: 2, Quorum: 3, DiscardMax: 1}, nil
}

// RecoverRing implements api.Backend.
func (f *Fake) RecoverRing(ctx context.Context, r api.RecoverRequest) (api.Ring, error) {
	left, err := f.Recoverable(ctx, api.RingRequest{Ref: r.Ref})
	if err != nil {
		return api.Ring{}, err
	}
	if left.From != r.From {
		return api.Ring{}, errs.Newf("recover ring", left.Object, errs.Conflict, "version %d has been found now, not %d", left.From, r.From)
	}
	ring, err := f.Ring(ctx, api.RingRequest{Ref: r.Ref})
	ring.Epoch, ring.Overrides = 2, 1
	return ring, err
}

// LostVolume begins the petnames of volumes whose ring the fake takes for lost.
const LostVolume = "lost"
