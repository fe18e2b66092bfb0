package apitest

import (
	"context"

	"github.com/atollnet/atoll/internal/api"
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
