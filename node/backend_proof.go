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
)

// versionsPatience is how long a peer may take to give certificates before
// another is asked too.
const versionsPatience = time.Second

// Prove returns the proof of the version that a reference selects.
func (b backend) Prove(ctx context.Context, r api.ProofRequest) (api.Proof, error) {
	v, err := b.reading(ctx, r.Ref, r.Consistency, func(*seen) error { return nil })
	if err != nil {
		return api.Proof{}, err
	}
	head, err := b.ring.proof(ctx, v.Object, v.Version)
	if err != nil {
		return api.Proof{}, err
	}
	proved, err := head.Verify(v.Object)
	if err != nil {
		return api.Proof{}, errs.New("prove version", v.Object.String(), errs.Damaged, err)
	}
	out := api.Proof{Object: v.Object.String(), Version: uint64(v.Version)}
	if v.Version > 0 {
		out.Time = time.UnixMilli(proved.Decision.TimeUnixMilli).UTC()
	}
	out.Record, err = head.Encode()
	return out, err
}

// proof returns a head that ends with a version, without a hint.
func (r *ring) proof(ctx context.Context, object wire.ObjectID, v wire.Version) (bft.Head, error) {
	k, err := r.find(ctx, object)
	if err != nil {
		return bft.Head{}, err
	}
	if v == k.verified.Decision.Version {
		head := k.head // its certificate may be by the ring before the present one
		head.Hint = nil
		return head, nil
	}
	var certificate *bft.Certificate
	if v > 0 {
		list, err := r.history(ctx, object, k, ringnet.Versions{Object: object, From: v, Count: 1})
		if err != nil {
			return bft.Head{}, err
		}
		certificate = &list[0].Certificate
	}
	head, err := k.head.At(certificate)
	if err != nil {
		return head, errs.New("prove version", object.String(), errs.NotFound, err)
	}
	return head, nil
}

// history asks the members of the rings that are known, the present one's first,
// for versions, of which whoever has joined late has only the later ones.
// Nothing of what it returns has been checked but the numbers of the versions.
func (r *ring) history(ctx context.Context, object wire.ObjectID, k known, q ringnet.Versions) ([]ringnet.VersionData, error) {
	list, _, err := inTurn(ctx, turns{patience: versionsPatience}, r.everMembers(k), errs.NotFound, func(ctx context.Context, m wire.PeerID) ([]ringnet.VersionData, error) {
		ctx, cancel := context.WithTimeout(ctx, headLookupMax)
		defer cancel()
		got, err := ringnet.Ask[ringnet.VersionList](ctx, r.calls, m, ringnet.KindVersions, q)
		if err != nil {
			return nil, err
		}
		return got.Versions, checkVersions(q, got.Versions)
	})
	if err != nil {
		return nil, errs.Hint(errs.New(fmt.Sprintf("find version %d", q.From), object.String(), errs.NotFound, err),
			"no peer that is, or was, in the volume's ring gives it; ask again when more of them are back")
	}
	return list, nil
}

func checkVersions(q ringnet.Versions, list []ringnet.VersionData) error {
	if len(list) == 0 || uint64(len(list)) > q.Count {
		return fmt.Errorf("%w: %d versions, asked for %d", ringnet.ErrAnswer, len(list), q.Count)
	}
	for i, v := range list {
		if d := v.Certificate.Decision; d.Version != q.From+wire.Version(i) || d.Object != q.Object || q.Batches != (v.Batch != nil) {
			return fmt.Errorf("%w: version %d of %v", ringnet.ErrAnswer, d.Version, d.Object)
		}
	}
	return nil
}

// everMembers returns everybody who stands in a ring of an object's chain, the
// present members first.
func (r *ring) everMembers(k known) []wire.PeerID {
	all := r.inOrder(k)
	seen := make(map[wire.PeerID]bool)
	for _, m := range all {
		seen[m] = true
	}
	rings := [][]bft.Member{k.head.Genesis.Body.Members}
	if k.head.Base != nil {
		rings = append(rings, k.head.Base.Ring.Members)
	}
	for _, l := range k.head.Links {
		rings = append(rings, l.Ring.Members)
	}
	for i := len(rings) - 1; i >= 0; i-- {
		for _, m := range rings[i] {
			if !seen[m.Peer] {
				seen[m.Peer] = true
				all = append(all, m.Peer)
			}
		}
	}
	return all
}
