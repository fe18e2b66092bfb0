package update

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
	"github.com/atollnet/atoll/objects/tree"
)

// extentState is what a clause knows of an extent. References are counted here
// and written once at the end.
type extentState struct {
	facts   ExtentFacts
	brought *broughtExtent // an extent that the state does not have yet
	gone    bool
}

// extent returns what there is to know of an extent; gone if it is neither in
// the state nor brought by the update.
func (c *clause) extent(id wire.ExtentID) (*extentState, error) {
	if x := c.extents[id]; x != nil {
		return x, nil
	}
	if err := c.spend(); err != nil {
		return nil, err
	}
	x := &extentState{}
	facts, found, err := get(c.ctx, c.next, ExtentKey(id), ParseExtentFacts)
	switch {
	case err != nil:
		return nil, err
	case found:
		x.facts = facts
	default:
		if err := c.bring(id, x); err != nil {
			return nil, err
		}
	}
	c.extents[id] = x
	return x, nil
}

// bring takes a new extent from the update, if it has enough receipts.
func (c *clause) bring(id wire.ExtentID, x *extentState) error {
	brought, ok := c.update.extents[id]
	if !ok {
		x.gone = true
		return nil
	}
	policy, err := policyOf(c.ctx, c.next)
	if err != nil {
		return err
	}
	if !brought.enough(policy) {
		return fail(ReasonTooFewReceipts)
	}
	m, receipts := brought.manifest, len(brought.receipts)
	x.brought = brought
	x.facts = ExtentFacts{
		Author: c.update.Author, K: m.K, N: m.N,
		Parts: uint8((receipts + receiptsPerPart - 1) / receiptsPerPart),
	}
	for _, s := range m.Stripes {
		x.facts.Lengths = append(x.facts.Lengths, s.Length)
	}
	return nil
}

func policyOf(ctx context.Context, r tree.Reader) (Policy, error) {
	policy, found, err := get(ctx, r, PolicyKey(), ParsePolicy)
	if err == nil && !found {
		err = fmt.Errorf("%w: no policy", ErrValue)
	}
	return policy, err
}

// refer counts a new reference, after checking that it fits the extent.
func (c *clause) refer(ref *BlockRef) error {
	if ref.IsInline() {
		return nil
	}
	x, err := c.extent(ref.Extent)
	if err != nil {
		return err
	}
	if x.gone {
		return fail(ReasonExtentGone)
	}
	lengths := x.facts.Lengths
	if int(ref.Stripe) >= len(lengths) || lengths[ref.Stripe] != ref.Length+wire.SealOverhead {
		return fail(ReasonMalformed)
	}
	x.facts.Live++
	return nil
}

// unrefer counts off the reference in a block's value.
func (c *clause) unrefer(value []byte) error {
	ref, err := ParseBlockRef(value)
	if err != nil || ref.IsInline() {
		return err
	}
	x, err := c.extent(ref.Extent)
	if err != nil {
		return err
	}
	if x.gone || x.facts.Live == 0 {
		return errCounts
	}
	x.facts.Live--
	return nil
}

// settle brings the versions of the facts in line with the count.
func (f *ExtentFacts) settle(now wire.Version) {
	switch {
	case f.Live == 0 && f.Last == 0:
		f.Last = now
	case f.Live > 0:
		f.Last = 0
	}
	if f.First == 0 {
		f.First = now
	}
}

// release forgets an extent that nothing refers to.
func (c *clause) release(k []byte) error {
	id, err := ParseExtentKey(k)
	if err != nil {
		return err
	}
	x, err := c.extent(id)
	if err != nil {
		return err
	}
	if x.gone {
		return fail(ReasonExtentGone)
	}
	x.facts.settle(c.batch.env.Version)
	unused, err := c.empty(VersionKey(x.facts.First), VersionKey(x.facts.Last))
	if err != nil {
		return err
	}
	if x.facts.Live > 0 || !unused {
		return fail(ReasonReferenced)
	}
	c.next.DeleteRange(extentRange(id))
	x.gone = true
	return nil
}

// writeExtents writes what the clause has changed of its extents, in the order
// of their names.
func (c *clause) writeExtents() error {
	ids := slices.SortedFunc(maps.Keys(c.extents), func(a, b wire.ExtentID) int {
		return bytes.Compare(a[:], b[:])
	})
	for _, id := range ids {
		x := c.extents[id]
		if x.gone || x.brought != nil && x.facts.Live == 0 {
			continue
		}
		x.facts.settle(c.batch.env.Version)
		if err := c.next.Set(ExtentKey(id), x.facts.Encode()); err != nil {
			return err
		}
		if err := c.writeReceipts(id, x.brought); err != nil {
			return err
		}
	}
	return nil
}

// writeReceipts writes the receipts of a new extent in parts, from part 0 on.
func (c *clause) writeReceipts(id wire.ExtentID, brought *broughtExtent) error {
	if brought == nil {
		return nil
	}
	part := 0
	for chunk := range slices.Chunk(brought.receipts, receiptsPerPart) {
		if err := c.spend(); err != nil {
			return err
		}
		if err := c.next.Set(receiptsKey(id, part), wire.Marshal(receiptsPart{Receipts: chunk})); err != nil {
			return err
		}
		part++
	}
	return nil
}

// Extent is what the state knows of an extent.
type Extent struct {
	ExtentFacts
	Receipts []extent.CompactReceipt // of its first holders, ascending by share
}

// ReadExtent returns what a state knows of an extent, and whether it knows it.
func ReadExtent(ctx context.Context, r tree.Reader, id wire.ExtentID) (x Extent, found bool, err error) {
	lo, hi := extentRange(id)
	for e, err := range r.Scan(ctx, lo, hi) {
		if err != nil {
			return x, false, err
		}
		if !found {
			// The facts come first: their key is the prefix of the others.
			if x.ExtentFacts, err = ParseExtentFacts(e.Value); err != nil {
				return x, false, err
			}
			found = true
			continue
		}
		part, err := parse[receiptsPart](e.Value)
		if err != nil {
			return x, false, err
		}
		x.Receipts = append(x.Receipts, part.Receipts...)
	}
	return x, found, nil
}
