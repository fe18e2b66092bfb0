package runner

import (
	"context"
	"errors"
	"fmt"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// ErrChainLong: more rings have followed each other without the owner's
// endorsement than a head record may hold.
var ErrChainLong = errors.New("the chain of rings is too long")

// ErrOlder: what a head proves is not newer than what is here.
var ErrOlder = errors.New("not newer than what is known here")

// CreateReserved is Create with the key that was reserved for this member of the
// first ring. Errors: those of Create; ErrConfig if no such key is reserved.
func (h *Host) CreateReserved(ctx context.Context, g bft.Genesis) error {
	ring := g.Body.Ring()
	self := ring.Index(h.Self)
	if self < 0 {
		return fmt.Errorf("%w: not a member", ErrConfig)
	}
	var r reservation
	err := h.Store.View(func(v kv.Reader) error {
		found, ok, err := getReservation(v, ring.Members[self].Key)
		if err == nil && !ok {
			err = fmt.Errorf("%w: the key is not reserved", ErrConfig)
		}
		r = found
		return err
	})
	if err != nil {
		return err
	}
	return h.Create(ctx, g, wire.NewKey(r.Seed))
}

// Join makes this peer a member of the ring that a head leads to, with the key
// that it has reserved, at the head's version. The caller has fetched the state
// of that version; write stores it, in the transaction that makes the peer a
// member, and may be nil. The head must hold the link to the ring, so it comes
// from a host's Chain. It serves for peers that were never members, and for
// those that missed the end of their epoch. Errors: bft.ErrHead; ErrConfig if
// this peer is not a member or has not reserved the key; ErrOlder; the
// executor's and the store's.
func (h *Host) Join(ctx context.Context, object wire.ObjectID, head bft.Head, write func(kv.Writer) error) error {
	v, err := head.Verify(object)
	if err != nil {
		return err
	}
	if v.Ring.Index(h.Self) < 0 || v.Epoch < 2 || len(head.Links) == 0 {
		return fmt.Errorf("%w: no way for this peer into the ring of epoch %d", ErrConfig, v.Epoch)
	}
	start, err := h.Executor.Genesis(ctx, head.Genesis)
	if err != nil {
		return fmt.Errorf("genesis of %v: %w", object, err)
	}
	return h.install(ctx, head, v, start.Root, func(w kv.Writer, s *standing) error {
		if err := h.takeSeat(w, s); err != nil {
			return err
		}
		if !s.member.Member {
			return fmt.Errorf("%w: the key of this member is not reserved", ErrConfig)
		}
		if write == nil {
			return nil
		}
		return write(w)
	})
}

// Retire takes note that the ring which a head leads to orders an object by now,
// and that this peer is no member of it, or not any more: its ring key is
// erased, updates get ErrMoved, and what it has of the object's log it goes on
// to serve. Errors: bft.ErrHead, ErrOlder, ErrUnknownObject, the store's.
func (h *Host) Retire(ctx context.Context, object wire.ObjectID, head bft.Head) error {
	v, err := head.Verify(object)
	if err != nil {
		return err
	}
	s, err := h.seat(object)
	if err != nil {
		return err
	}
	return h.install(ctx, head, v, s.stands.origin.Root, func(kv.Writer, *standing) error { return nil })
}

// Leave ends this peer's membership whatever the ring says: its ring key is
// erased. The ring has a member less until it is reconfigured.
func (h *Host) Leave(ctx context.Context, object wire.ObjectID) error {
	return h.alone(ctx, object, func() error {
		return h.durable(func(w kv.Writer) error {
			s, found, err := getStanding(w, object)
			if err == nil && !found {
				err = fmt.Errorf("object %v: %w", object, ErrUnknownObject)
			}
			if err != nil {
				return err
			}
			s.member.Member, s.member.Seed = false, [32]byte{}
			if err := eraseEpoch(w, object); err != nil {
				return err
			}
			if err := w.Delete(key(keyObject, object)); err != nil {
				return err
			}
			return putStanding(w, s)
		})
	})
}

// Endorse keeps the owner's word that a ring of the object's chain was the
// present one, so that heads begin there. Errors: bft.ErrChain, ErrUnknownObject,
// the store's.
func (h *Host) Endorse(object wire.ObjectID, e bft.Endorsement) error {
	return h.durable(func(w kv.Writer) error {
		s, found, err := getStanding(w, object)
		if err == nil && !found {
			err = fmt.Errorf("object %v: %w", object, ErrUnknownObject)
		}
		if err != nil {
			return err
		}
		if err := e.Verify(s.origin.Genesis.Body); err != nil {
			return err
		}
		head, err := getHead(w, s, false)
		if err != nil && !errors.Is(err, ErrChainLong) {
			return err
		}
		if v, err := head.Verify(object); s.ring.ID() != e.Ring.ID() || err == nil && v.Overrides != e.Overrides {
			return fmt.Errorf("%w: endorsement of another ring than that of epoch %d", bft.ErrChain, s.ring.Epoch)
		}
		return w.Set(endorseKey(object, e.Ring.Epoch), wire.Marshal(e))
	})
}

// install makes a verified head the newest that is known of its object. fill
// adds what this peer is to be in the new ring.
func (h *Host) install(ctx context.Context, head bft.Head, v bft.Verified, root wire.NodeHash, fill func(kv.Writer, *standing) error) error {
	next := standing{
		origin: originRecord{Format: originFormat, Genesis: head.Genesis, Root: root}, ring: v.Ring,
		member: memberRecord{Format: memberFormat, Epoch: v.Epoch, Ring: v.Ring.ID(), Base: v.Base},
	}
	err := h.alone(ctx, v.Ring.Object, func() error {
		return h.durable(func(w kv.Writer) error {
			if err := supersedes(w, v); err != nil {
				return err
			}
			if err := fill(w, &next); err != nil {
				return err
			}
			return putInstalled(w, head, v, next)
		})
	})
	if err != nil {
		return err
	}
	if s, err := h.seat(v.Ring.Object); err == nil && s.self >= 0 {
		s.put() // it says that it is there
	}
	return nil
}

// supersedes reports an error unless what a head proves is a newer ring than
// the one that is known here.
func supersedes(r kv.Reader, v bft.Verified) error {
	s, found, err := getStanding(r, v.Ring.Object)
	if err != nil || !found {
		return err
	}
	head, err := getHead(r, s, false)
	if err != nil {
		return err
	}
	known, err := head.Verify(v.Ring.Object)
	if err != nil {
		return err
	}
	if v.Ring.ID() == known.Ring.ID() && (s.member.Member || bft.Compare(v, known) < 0) || bft.Compare(v, known) < 0 {
		return fmt.Errorf("object %v, epoch %d, version %d: %w", v.Ring.Object, v.Epoch, v.Decision.Version, ErrOlder)
	}
	return nil
}

func putInstalled(w kv.Writer, head bft.Head, v bft.Verified, next standing) error {
	object := v.Ring.Object
	if err := eraseEpoch(w, object); err != nil {
		return err
	}
	if err := w.Delete(key(keyObject, object)); err != nil {
		return err
	}
	if e := head.Base; e != nil {
		if err := w.Set(endorseKey(object, e.Ring.Epoch), wire.Marshal(*e)); err != nil {
			return err
		}
	}
	for _, l := range head.Links {
		if err := putLink(w, l); err != nil {
			return err
		}
		if l.Commit != nil {
			if err := w.Set(commitKey(object, l.Commit.Decision.Version), l.Commit.Encode()); err != nil {
				return err
			}
		}
	}
	if head.Commit != nil {
		if err := w.Set(commitKey(object, head.Commit.Decision.Version), head.Commit.Encode()); err != nil {
			return err
		}
	}
	if err := w.Set(key(keyHead, object), wire.Uint64(uint64(v.Decision.Version))); err != nil {
		return err
	}
	return putStanding(w, next)
}

// durable is one transaction that has reached the disk when it returns.
func (h *Host) durable(fn func(kv.Writer) error) error {
	if err := h.Store.Update(fn); err != nil {
		return err
	}
	return h.Store.Sync()
}

// alone runs fn while no replica of the object is at work, and lets the next one
// be made from what is stored then. Updates that wait get ErrMoved.
func (h *Host) alone(ctx context.Context, object wire.ObjectID, fn func() error) error {
	for {
		s, err := h.seat(object)
		if errors.Is(err, ErrUnknownObject) {
			h.founding.Lock()
			defer h.founding.Unlock()
			return fn()
		}
		if err != nil {
			return err
		}
		done := make(chan error, 1)
		if !s.put(item{alone: fn, done: done}) {
			continue
		}
		select {
		case err := <-done:
			if !errors.Is(err, errForgotten) {
				return err
			}
		case <-h.ctx.Done():
			return ErrClosed
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// chainReserve is how many links are kept free for the owner: his
// reconfigurations come with his endorsement, replacements without him do not.
const chainReserve = 8

// SignAbsence states, as a member of the object's present ring, that the plan's
// absent member is silent and that its candidates will do; the caller has seen
// to both. Errors: bft.ErrOtherRing, bft.ErrReconfiguration, ErrUnknownObject,
// the store's; ErrChainLong when the owner must come first.
func (h *Host) SignAbsence(object wire.ObjectID, p bft.Plan) (a bft.Absence, err error) {
	err = h.Store.View(func(r kv.Reader) error {
		s, found, err := getStanding(r, object)
		switch {
		case err != nil:
			return err
		case !found || !s.member.Member:
			return fmt.Errorf("object %v: %w", object, ErrUnknownObject)
		case !p.IsReplacement() || p.Absent == h.Self:
			return fmt.Errorf("%w: nobody else is absent", bft.ErrReconfiguration)
		}
		if err := p.Check(s.ring); err != nil {
			return err
		}
		head, err := getHead(r, s, false)
		if err != nil {
			return err
		}
		if len(head.Links) > bft.LinksMax-chainReserve {
			return fmt.Errorf("%w: %d rings since the owner endorsed one", ErrChainLong, len(head.Links))
		}
		a = bft.SignAbsence(wire.NewKey(s.member.Seed), s.ring.Index(h.Self), p)
		return nil
	})
	return a, err
}
