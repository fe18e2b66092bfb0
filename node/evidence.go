package node

import (
	"context"
	"fmt"
	"slices"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/ringnet"
)

// evidence asks the members of a ring whom they have seen lie and returns one
// sentence for each lie of which they hold proof.
func (r *ring) evidence(ctx context.Context, object wire.ObjectID, k known) []string {
	var peers []wire.PeerID
	for _, m := range k.verified.Ring.Members {
		peers = append(peers, m.Peer)
	}
	found := []string{}
	for _, a := range askAllFor(ctx, headAskMax, peers, func(ctx context.Context, p wire.PeerID) (ringnet.EvidenceList, error) {
		return ringnet.Ask[ringnet.EvidenceList](ctx, r.calls, p, ringnet.KindEvidence, ringnet.OfObject{Object: object})
	}) {
		for _, b := range a.got.Evidence {
			for _, line := range proven(b, k.head) {
				if !slices.Contains(found, line) {
					found = append(found, line)
				}
			}
		}
	}
	slices.Sort(found)
	return found
}

// proven returns what a piece of evidence shows of a ring in an object's chain;
// nothing if it does not.
func proven(encoded []byte, head bft.Head) (lines []string) {
	e, err := bft.ParseEvidence(encoded)
	if err != nil || !inChain(head, e.Ring.ID()) {
		return nil
	}
	guilty, err := e.Verify()
	if err != nil {
		return nil
	}
	if guilty.Forked {
		lines = append(lines, fmt.Sprintf("epoch %d: the ring has certified two histories", e.Ring.Epoch))
	}
	for i, m := range e.Ring.Members {
		if guilty.Members&(1<<i) != 0 {
			lines = append(lines, fmt.Sprintf("epoch %d: %v has signed two decisions on one version", e.Ring.Epoch, m.Peer))
		}
	}
	return lines
}

// inChain reports whether a verified head's chain holds a ring.
func inChain(head bft.Head, id wire.RingCertID) bool {
	if head.Genesis.Body.Ring().ID() == id || head.Base != nil && head.Base.Ring.ID() == id {
		return true
	}
	return slices.ContainsFunc(head.Links, func(l bft.Link) bool { return l.Ring.ID() == id })
}
