package node

import (
	"context"
	"slices"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/ringnet"
)

// evidence asks the members of a ring whom they have seen lie, and what this peer
// has seen. It adds to what is known of the ring one sentence for each lie of which
// there is proof, and the proofs.
func (r *ring) evidence(ctx context.Context, object wire.ObjectID, k known, out *api.Ring) {
	out.Evidence = []string{}
	var proofs []bft.Evidence
	add := func(encoded []byte) {
		e, lines := proven(encoded, k.head)
		lines = slices.DeleteFunc(lines, func(l string) bool { return slices.Contains(out.Evidence, l) })
		if len(lines) > 0 {
			proofs = append(proofs, e)
			out.Evidence = append(out.Evidence, lines...)
		}
	}
	own, err := r.rings.Evidence(object)
	if err != nil {
		r.log.Warn("reading evidence", "object", object.String(), "error", err)
	}
	for _, e := range own {
		add(e.Encode())
	}
	for _, a := range askAllFor(ctx, headAskMax, bft.Peers(k.verified.Ring.Members), func(ctx context.Context, p wire.PeerID) (ringnet.EvidenceList, error) {
		return ringnet.Ask[ringnet.EvidenceList](ctx, r.calls, p, ringnet.KindEvidence, ringnet.OfObject{Object: object})
	}) {
		for _, b := range a.got.Evidence {
			add(b)
		}
	}
	slices.Sort(out.Evidence)
	if len(proofs) > 0 {
		out.Exhibit = bft.NewExhibit(k.head, proofs).Encode()
	}
}

// proven returns what a piece of evidence shows of a ring in an object's chain;
// nothing if it does not.
func proven(encoded []byte, head bft.Head) (e bft.Evidence, lines []string) {
	e, err := bft.ParseEvidence(encoded)
	if err != nil {
		return e, nil
	}
	lies, err := head.Expose(e)
	if err != nil {
		return e, nil
	}
	for _, l := range lies {
		lines = append(lines, l.String())
	}
	return e, lines
}
