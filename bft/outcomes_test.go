package bft

import (
	"errors"
	"fmt"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

func outcomesBatch(n int) (b Batch) {
	for i := range n {
		b.Updates = append(b.Updates, fmt.Appendf(nil, "update %d", i))
		b.Outcomes = append(b.Outcomes, fmt.Appendf(nil, "outcome %d", i))
	}
	return b
}

func TestEachOutcomeIsProved(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 5, 7, 8, 9, 100, 255, wire.BatchUpdatesMax} {
		b := outcomesBatch(n)
		d := Decision{Version: 1, Outcomes: b.Digest()}
		for i, p := range b.Prove() {
			if err := p.Verify(d, b.Updates[i], b.Outcomes[i]); err != nil {
				t.Fatalf("%d of %d: %v", i, n, err)
			}
		}
	}
}

func TestNothingElseIsProved(t *testing.T) {
	b := outcomesBatch(6)
	d := Decision{Version: 1, Outcomes: b.Digest()}
	proofs := b.Prove()
	p := proofs[2]
	with := func(change func(*OutcomeProof)) OutcomeProof {
		q := p
		q.Path = append([]wire.Hash(nil), p.Path...)
		change(&q)
		return q
	}
	for name, c := range map[string]struct {
		p               OutcomeProof
		update, outcome []byte
	}{
		"another outcome":          {p, b.Updates[2], []byte("better")},
		"another update":           {p, b.Updates[3], b.Outcomes[2]},
		"another's proof":          {proofs[3], b.Updates[2], b.Outcomes[2]},
		"another index":            {with(func(q *OutcomeProof) { q.Index = 3 }), b.Updates[2], b.Outcomes[2]},
		"a count of another shape": {with(func(q *OutcomeProof) { q.Count = 3 }), b.Updates[2], b.Outcomes[2]},
		"index beyond":             {with(func(q *OutcomeProof) { q.Index = 6 }), b.Updates[2], b.Outcomes[2]},
		"a count beyond all":       {with(func(q *OutcomeProof) { q.Count = 1 << 40 }), b.Updates[2], b.Outcomes[2]},
		"no count":                 {OutcomeProof{}, b.Updates[2], b.Outcomes[2]},
		"a path cut short":         {with(func(q *OutcomeProof) { q.Path = q.Path[:2] }), b.Updates[2], b.Outcomes[2]},
		"a path too long":          {with(func(q *OutcomeProof) { q.Path = append(q.Path, wire.Hash{}) }), b.Updates[2], b.Outcomes[2]},
		"a path without end":       {with(func(q *OutcomeProof) { q.Path = make([]wire.Hash, 1000) }), b.Updates[2], b.Outcomes[2]},
		"an inner node as it":      {OutcomeProof{Count: 1}, b.Updates[2], b.Outcomes[2]},
	} {
		if err := c.p.Verify(d, c.update, c.outcome); !errors.Is(err, ErrOutcome) {
			t.Errorf("%s: %v, want ErrOutcome", name, err)
		}
	}
}
