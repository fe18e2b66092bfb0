package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/ringnet"
	"github.com/atollnet/atoll/objects"
)

// freshPause is the pause before members that did not suffice are asked again.
const freshPause = 200 * time.Millisecond

// headAt returns a head as new as a reader asks for. That it is not to be had,
// as the ring lacks a quorum, is an error of kind NoQuorum, once the context has
// ended.
func (r *ring) headAt(ctx context.Context, object wire.ObjectID, c api.Consistency) (objects.Head, error) {
	began := time.Now()
	k, err := r.find(ctx, object)
	switch {
	case err != nil:
	case c.Level == api.Any:
	case c.Level == api.Session:
		k, err = r.newest(ctx, object)
	case c.Level == api.Bounded && !k.proven.IsZero() && began.Sub(k.proven) <= c.Bound: // on the monotonic clock
	default:
		k, err = r.latest(ctx, object)
	}
	if err != nil {
		return objects.Head{}, err
	}
	return k.export(), nil
}

// first is what a gateway does before it reads an object for the first time: it
// asks the ring what is newest, and goes on with what it knows if that takes too
// long. It reports whether a quorum has said so: nobody need be asked again.
func (r *ring) first(ctx context.Context, object wire.ObjectID, k known) (known, bool) {
	r.heads.note(object, func(k *known) { k.asked = time.Now().Add(-headFresh) })
	fresh, err := r.soon(ctx, object)
	if err != nil {
		r.noteStale(ctx)
		return k, false
	}
	return fresh, true
}

// noteStale tells the user that nobody knows whether something is newer.
func (r *ring) noteStale(ctx context.Context) {
	if ctx.Err() == nil {
		api.Note(ctx, "too few members of the ring answer to say what is newest; this is the newest version that can be had")
	}
}

// soon is latest for a reader who can do without.
func (r *ring) soon(ctx context.Context, object wire.ObjectID) (known, error) {
	ctx, cancel := context.WithTimeout(ctx, headAskMax)
	defer cancel()
	k, err := r.latest(ctx, object)
	if err != nil {
		r.log.Debug("asking a ring what is newest", "object", object.String(), "error", err)
	}
	return k, err
}

// renew returns the newest head that can be had before something is said not to
// be there.
func (r *ring) renew(ctx context.Context, object wire.ObjectID) objects.Head {
	k, err := r.soon(ctx, object)
	if err == nil {
		return k.export()
	}
	r.noteStale(ctx)
	if k, err = r.lookup(ctx, object); err != nil {
		return objects.Head{}
	}
	return k.export()
}

// latest returns the newest head as of now, proven by 2f+1 members of the ring.
// It tries for as long as the context lets it; that it ended for want of a
// quorum is an error of kind NoQuorum.
func (r *ring) latest(ctx context.Context, object wire.ObjectID) (known, error) {
	k, err := r.find(ctx, object)
	if err != nil {
		return k, err
	}
	var last error
	for {
		fresh, err := r.confirm(ctx, object, k)
		if err == nil {
			return fresh, nil
		}
		if ctx.Err() == nil || last == nil {
			last = err
		}
		if ctx.Err() == nil {
			r.refresh(ctx, object, k) // the ring may have changed
		}
		newer, found := r.heads.find(object)
		if found && newer.verified.Ring.ID() != k.verified.Ring.ID() {
			k = newer
			continue
		}
		select {
		case <-ctx.Done():
			return k, errStale(object, k, last)
		case <-time.After(freshPause):
		}
	}
}

// errStale says why nobody can tell what is newest.
func errStale(object wire.ObjectID, k known, cause error) error {
	ring := k.verified.Ring
	return errs.Hint(
		errs.New("ask what is newest", object.String(), errs.NoQuorum,
			fmt.Errorf("%d of the ring's %d members must answer: %w", ring.Quorum(), len(ring.Members), cause)),
		"`peerctl ring` shows who is missing; --consistency session reads the newest version that can be had without them")
}

// errEpoch is that a ring has handed over to the next.
var errEpoch = errors.New("another ring orders the object by now")

// confirmMax is how long one question to a ring may take. A member answers when
// what it has prepared is decided; one that missed that its ring has been replaced
// never does, and whoever waits for it would not learn of the other ring either.
const confirmMax = 5 * time.Second

// confirm asks all members of a ring once, with a nonce of its own, and goes on
// as soon as 2f+1 have answered.
func (r *ring) confirm(ctx context.Context, object wire.ObjectID, k known) (known, error) {
	ctx, cancel := context.WithTimeout(ctx, confirmMax)
	defer cancel()
	var nonce bft.Nonce
	if _, err := rand.Read(nonce[:]); err != nil {
		return k, err
	}
	asked, ring := time.Now(), k.verified.Ring
	newest, err := r.statuses(ctx, ring, nonce)
	if err != nil {
		return k, err
	}
	k = r.heads.learn(object, k.head, k.verified)
	if newest != nil {
		if newest.Decision.NextRing != (wire.RingCertID{}) {
			return k, errEpoch
		}
		r.heads.commit(object, *newest)
		r.expose(ctx, object)
		r.heads.note(object, func(k *known) { k.leader = ring.Leader(newest.View) })
	}
	r.heads.note(object, func(k *known) {
		if k.verified.Ring.ID() == ring.ID() && asked.After(k.proven) {
			k.proven = asked
		}
	})
	if after, found := r.heads.find(object); found {
		k = after
	}
	return k, nil
}

// statuses collects the answers to one question, and fails as soon as too few
// can come.
func (r *ring) statuses(ctx context.Context, ring bft.RingCert, nonce bft.Nonce) (*bft.Certificate, error) {
	type result struct {
		status bft.Status
		err    error
	}
	results := make(chan result, len(ring.Members)) // nobody who is late waits
	for _, m := range ring.Members {
		go func() {
			a, err := ringnet.Ask[ringnet.StatusSigned](ctx, r.calls, m.Peer, ringnet.KindStatus, ringnet.Status{Object: ring.Object, Nonce: nonce})
			if err == nil {
				err = a.Status.Verify(ring, nonce)
			}
			if err == nil && ring.Members[a.Status.Member].Peer != m.Peer {
				err = fmt.Errorf("%w: in another member's name", ringnet.ErrAnswer)
			}
			results <- result{a.Status, err}
		}()
	}
	var answers []bft.Status
	var failed allFailed
	for range ring.Members {
		select {
		case got := <-results:
			if got.err != nil {
				failed = append(failed, got.err)
				break
			}
			if answers = append(answers, got.status); len(answers) >= ring.Quorum() {
				return bft.Newest(ring, nonce, answers)
			}
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), errors.Join(failed...))
		}
		if len(ring.Members)-len(failed) < ring.Quorum() {
			break
		}
	}
	return nil, failed
}

// status answers a reader of another peer.
func (m *member) status(ctx context.Context, _ wire.PeerID, q ringnet.Status) (ringnet.StatusSigned, error) {
	s, err := m.rings.Status(ctx, q.Object, q.Nonce)
	if err != nil {
		return ringnet.StatusSigned{}, memberError("say what is newest", q.Object, err)
	}
	return ringnet.StatusSigned{Status: s}, nil
}

// evidence says what this member has seen others lie about.
func (m *member) evidence(_ context.Context, _ wire.PeerID, q ringnet.OfObject) (list ringnet.EvidenceList, err error) {
	all, err := m.rings.Evidence(q.Object)
	if err != nil {
		return list, memberError("read evidence", q.Object, err)
	}
	for _, e := range all {
		list.Evidence = append(list.Evidence, e.Encode())
	}
	return list, nil
}
