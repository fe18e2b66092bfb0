package update

import (
	"errors"

	"github.com/atollnet/atoll/bft"
)

// noteRing records a ring that no update has led to: the owner's override has.
func (b *batch) noteRing() error {
	ring := b.env.Ring
	if ring.Epoch == 0 {
		return nil
	}
	k, id := EpochKey(ring.Epoch), ring.ID()
	entry, found, err := get(b.ctx, b.next, k, ParseRingEntry)
	if err != nil || found && entry.Certificate == id {
		return err
	}
	return b.next.Set(k, RingEntry{Certificate: id}.Encode())
}

// reconfigure has another ring order from the next version on.
func (c *clause) reconfigure(value []byte) error {
	if err := c.spend(); err != nil {
		return err
	}
	next, reason := c.batch.nextRing(value)
	if reason != ReasonNone {
		return fail(reason)
	}
	if c.ring != nil {
		return fail(ReasonOtherRing)
	}
	c.ring = &next
	return c.next.Set(EpochKey(next.Epoch), RingEntry{Certificate: next.ID()}.Encode())
}

// nextRing checks a reconfiguration of the ring that orders this version.
func (b *batch) nextRing(value []byte) (bft.RingCert, Reason) {
	r, err := bft.ParseReconfiguration(value)
	if err != nil {
		return bft.RingCert{}, ReasonMalformed
	}
	env := b.env
	if env.Ring.Epoch == 0 {
		return bft.RingCert{}, ReasonOtherRing
	}
	if err := r.Verify(env.Ring, env.Version-1, env.TimeUnixMilli); err != nil {
		if errors.Is(err, bft.ErrOtherRing) {
			return bft.RingCert{}, ReasonOtherRing
		}
		return bft.RingCert{}, ReasonNotAgreed
	}
	return r.Plan.Ring(env.Ring, env.Previous), ReasonNone
}

// isReplacement reports whether an update does nothing but replace a silent
// member.
func isReplacement(u *Signed) bool {
	if len(u.Clauses) != 1 || len(u.Extents) != 0 || len(u.Clauses[0].Predicates) != 0 || len(u.Clauses[0].Actions) != 1 {
		return false
	}
	a := u.Clauses[0].Actions[0]
	if a.Kind != actReconfigure {
		return false
	}
	r, err := bft.ParseReconfiguration(a.Value)
	return err == nil && r.Plan.IsReplacement()
}

// agreed reports whether an update by an unknown author is a replacement with
// all statements that it needs, so that nobody can fill the state with others.
func (b *batch) agreed(u *Signed) bool {
	if !isReplacement(u) {
		return false
	}
	_, reason := b.nextRing(u.Clauses[0].Actions[0].Value)
	return reason == ReasonNone
}
