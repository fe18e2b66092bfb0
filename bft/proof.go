package bft

import "fmt"

// ProofBytesMax is the most bytes of a proof: a head record without a hint.
const ProofBytesMax = 32 << 10

// At returns the proof of an earlier version: the same genesis, the chain up to
// the ring that decided it, and its certificate; nil for version 0. What it
// returns is checked by Verify, as any head is. The error, if the chain begins
// with a later ring, which the owner has endorsed, matches ErrHead.
func (h Head) At(c *Certificate) (Head, error) {
	if c == nil {
		return NewHead(h.Genesis, nil), nil
	}
	epoch := c.Decision.Epoch
	if h.Base != nil && h.Base.Ring.Epoch > epoch {
		return Head{}, fmt.Errorf("%w: version %d is of epoch %d, and the chain begins with epoch %d", ErrHead, c.Decision.Version, epoch, h.Base.Ring.Epoch)
	}
	at := Head{Format: headFormat, Genesis: h.Genesis, Base: h.Base, Commit: c}
	for _, l := range h.Links {
		if l.Ring.Epoch <= epoch {
			at.Links = append(at.Links, l)
		}
	}
	return at, nil
}
