package bft

import (
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

const (
	// OutcomeBytesMax is the most bytes of one update's outcome.
	OutcomeBytesMax = 256
	// proposalBytesMax is more than any encoded proposal has.
	proposalBytesMax = wire.BatchBytesMax + wire.BatchUpdatesMax*(OutcomeBytesMax+16) + 4<<10
)

// ErrBatch is returned for a batch that breaks a limit or is not the one that a
// decision names.
var ErrBatch = errors.New("bad batch")

// Decision is what a ring decides: the next version of an object. The chain of
// decisions, and every proof of a fork, compares decisions and never votes: the
// same decision may be certified in two views, by different members.
type Decision struct {
	_             struct{} `cbor:",toarray"`
	Object        wire.ObjectID
	Epoch         wire.Epoch
	Ring          wire.RingCertID // of this epoch
	Version       wire.Version    // from 1
	State         wire.NodeHash   // root after the version
	Outcomes      wire.Hash       // of the batch, see Batch.Digest
	NextRing      wire.RingCertID // the ring that orders from the next version on; zero: the same
	Previous      wire.VersionID  // the decision before; zero for version 1
	TimeUnixMilli int64           // never before that of Previous
}

// ID returns the name of the version.
func (d Decision) ID() wire.VersionID {
	return wire.VersionID(wire.Derive(wire.ContextDecision, wire.Marshal(d)))
}

// contextRequest names updates by all of their bytes, the signature included:
// the name that an update gives itself need not cover its signature, and a
// decision fixes what was executed byte by byte.
const contextRequest wire.Context = "atoll/v1/request"

// RequestID returns the name under which a decision lists an update.
func RequestID(update []byte) wire.Hash { return wire.Hash(wire.Derive(contextRequest, update)) }

// Batch is what a version executes, and what came of it.
type Batch struct {
	_        struct{} `cbor:",toarray"`
	Updates  [][]byte // 1 to wire.BatchUpdatesMax, wire.BatchBytesMax together
	Outcomes [][]byte // one for each, OutcomeBytesMax each
}

// Check holds the batch against its limits. The error matches ErrBatch.
func (b Batch) Check() error {
	if len(b.Updates) == 0 || len(b.Updates) > wire.BatchUpdatesMax || len(b.Outcomes) != len(b.Updates) {
		return fmt.Errorf("%w: %d updates with %d outcomes", ErrBatch, len(b.Updates), len(b.Outcomes))
	}
	total := 0
	for i, u := range b.Updates {
		total += len(u)
		if len(u) > wire.UpdateBytesMax || total > wire.BatchBytesMax || len(b.Outcomes[i]) > OutcomeBytesMax {
			return fmt.Errorf("%w: update %d of %d bytes, %d up to it, outcome of %d", ErrBatch, i, len(u), total, len(b.Outcomes[i]))
		}
	}
	return nil
}

// Proposal is a decision together with the batch that leads to it.
type Proposal struct {
	_        struct{} `cbor:",toarray"`
	Decision Decision
	Batch    Batch
}

// check holds the batch against its limits and the decision.
func (p Proposal) check() error {
	if err := p.Batch.Check(); err != nil {
		return err
	}
	if p.Batch.Digest() != p.Decision.Outcomes {
		return fmt.Errorf("%w: not the batch of version %d", ErrBatch, p.Decision.Version)
	}
	return nil
}

// Encode returns the canonical encoding.
func (p Proposal) Encode() []byte { return wire.Marshal(p) }

// ParseProposal parses what Encode writes and checks that the batch is the
// decision's. The error matches ErrBatch.
func ParseProposal(b []byte) (Proposal, error) {
	var p Proposal
	if err := wire.Unmarshal(b, &p, proposalBytesMax); err != nil {
		return Proposal{}, fmt.Errorf("%w: %v", ErrBatch, err)
	}
	return p, p.check()
}
