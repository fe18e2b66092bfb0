package node

import (
	"context"
	"fmt"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/wire"
)

// forked compares a certificate with that of the newest head here. Two decisions
// on one version are a fork: more of the ring's members have lied than it bears.
func (k *known) forked(c *bft.Certificate) {
	if k.fork != nil || c == nil || k.head.Commit == nil {
		return
	}
	if _, forked := bft.Fork(*k.head.Commit, *c); forked {
		e := bft.ForkEvidence(k.verified.Ring, *k.head.Commit, *c)
		k.fork = &e
	}
}

// takeFork returns a fork that nobody has been told of yet.
func (h *heads) takeFork(object wire.ObjectID) (e *bft.Evidence) {
	h.note(object, func(k *known) {
		if !k.told {
			e, k.told = k.fork, k.fork != nil
		}
	})
	return e
}

// expose keeps the proof of a fork that has just been seen, and tells the user.
func (r *ring) expose(ctx context.Context, object wire.ObjectID) {
	e := r.heads.takeFork(object)
	if e == nil {
		return
	}
	r.log.Error("a ring has certified two states as one version", "object", object.String(), "epoch", e.Ring.Epoch, "version", e.Certificates[0].Decision.Version)
	if err := r.rings.Witness(*e); err != nil {
		r.log.Error("keeping the proof of a fork", "object", object.String(), "error", err)
	}
	api.Note(ctx, "%s", forkText(*e))
}

// warn tells the user of each command that the ring which orders an object is
// known to have forked.
func (r *ring) warn(ctx context.Context, object wire.ObjectID) {
	all, err := r.rings.Evidence(object)
	if err != nil {
		r.log.Warn("reading evidence", "object", object.String(), "error", err)
		return
	}
	for _, e := range all {
		if len(e.Certificates) != 2 {
			continue
		}
		// Another ring may have taken its place, while this peer was down too.
		if k, err := r.find(ctx, object); err != nil || e.Ring.Epoch >= k.verified.Epoch {
			api.Note(ctx, "%s", forkText(e))
			return
		}
	}
}

func forkText(e bft.Evidence) string {
	return fmt.Sprintf("the ring of %s has certified two states as version %d: more than %d of its members lie, or run on older copies of their disks, and others may read something else. "+
		"`peerctl ring REF --evidence FILE` writes the proof; its owner can give it another ring", e.Ring.Object, e.Certificates[0].Decision.Version, e.Ring.Faults())
}
