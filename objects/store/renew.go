package store

import (
	"errors"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// Renew prolongs an object's lease of a share that is here; its author goes on
// being charged for it. Where the object has none, one is granted and charged to
// whoever asks. It never shortens a lease. It returns when that is durable.
// Errors: ErrNotFound, ErrDamaged if the share is known to be, ErrBudget,
// ErrDeleted, ErrDenied, kv.ErrFull.
func (s *Shares) Renew(object wire.ObjectID, charged wire.PublicKey, id wire.ExtentID, index int, leaseSeconds uint64) error {
	err := s.renew(object, charged, id, index, leaseSeconds)
	if err == nil {
		err = classify(s.kv.Sync())
	}
	return errs.Wrap("renew lease", subject(id, index), err)
}

func (s *Shares) renew(object wire.ObjectID, charged wire.PublicKey, id wire.ExtentID, index int, seconds uint64) error {
	if seconds < 1 || seconds > s.config.LeaseSecondsMax {
		return errs.Newf("", "", errs.Refused, "lease of %d seconds, want 1 to %d", seconds, s.config.LeaseSecondsMax)
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	var c change
	refused := false
	err := s.kv.Update(func(w kv.Writer) (err error) {
		var renewed lease
		if renewed, c, err = s.planRenewal(w, checked{Incoming: Incoming{Object: object, Author: charged, Index: index}, id: id}, seconds); err != nil {
			refused = true
			return err
		}
		s.soonest = min(s.soonest, renewed.Until)
		return w.Set(leaseKey(id, index, object), encode(renewed))
	})
	switch {
	case err == nil:
		s.ledger.apply(c)
	case !refused && !errors.Is(err, kv.ErrFull):
		// Whether it took effect is not known: only the disk can tell.
		err = errors.Join(err, s.load())
	}
	return classify(err)
}

// planRenewal returns the lease as it is to be, and what that changes in the
// ledger, which has admitted it.
func (s *Shares) planRenewal(r kv.Reader, in checked, seconds uint64) (l lease, c change, err error) {
	if s.isDeleted(in.Object) {
		return l, c, fail(ErrDeleted, "no lease is renewed")
	}
	if s.Denies(in.Object, in.id) {
		return l, c, fail(ErrDenied, "no lease is renewed")
	}
	rec, err := servable(r, in.id, in.Index)
	if err != nil {
		return l, c, err
	}
	c = change{bytes: charge(rec.Bytes), object: in.Object, author: in.Author}
	l = lease{Format: formatCurrent, Author: in.Author, Bytes: rec.Bytes, Seconds: seconds, Until: s.uptime + seconds}
	switch old, err := readLease(r, in); {
	case absent(err):
		c.lease = true
		if err := checkLeases(r, in); err != nil {
			return l, c, err
		}
	case err != nil:
		return l, c, err
	default:
		c.author, c.previous = old.Author, old.Author
		l.Author, l.Until = old.Author, max(l.Until, old.Until)
	}
	return l, c, s.ledger.admit(c, 0)
}
