package update

import (
	"fmt"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

// Status says what became of an update.
type Status uint8

// The statuses.
const (
	// Applied: one clause was done.
	Applied Status = iota + 1
	// Aborted: no clause could be done. The state remembers that, so the same
	// update will never be applied.
	Aborted
	// Refused: the update was not tried and is not remembered.
	Refused
)

// Reason says why an update was not applied; for Aborted, of the last clause
// tried. The numbers are part of the format: reasons are only ever appended.
type Reason uint8

// The reasons.
const (
	ReasonNone           Reason = iota
	ReasonPredicate             // a predicate does not hold
	ReasonExtentGone            // a block refers to an extent that is not there
	ReasonTooFewReceipts        // a new extent lacks receipts
	ReasonNotAllowed            // the author may not do this
	ReasonMalformed             // no update, or a manifest or block that cannot be
	ReasonOverBudget            // more operations than one update may use
	ReasonBoundary              // a splice does not begin or end between blocks
	ReasonExists                // what was to be made is there already
	ReasonMissing               // what was to be moved or copied is not there
	ReasonLinked                // a file is still named by a directory entry
	ReasonReferenced            // an extent is still referred to
	ReasonSignature             // a signature does not verify
	ReasonWrongObject           // the update is for another object
	ReasonExpired               // the update was to be executed earlier
	ReasonStale                 // the sequence number has left the window
	ReasonReused                // the sequence number stands for another update
	ReasonBusy                  // the version is full; the next may take the update
	ReasonTooLarge              // a file would grow beyond its limit
	ReasonOtherRing             // the next ring is not for the one that orders now
	ReasonNotAgreed             // a statement that the next ring needs is missing or wrong
	ReasonDeleted               // the object is deleted
	reasons                     // the number of reasons
)

var reasonTexts = [reasons]struct {
	text string
	kind errs.Kind
}{
	ReasonNone:           {"done", errs.Other},
	ReasonPredicate:      {"something changed in between", errs.Conflict},
	ReasonExtentGone:     {"an extent it refers to is gone", errs.Conflict},
	ReasonTooFewReceipts: {"too few holders have confirmed its data", errs.TooFew},
	ReasonNotAllowed:     {"its author has no right to do this", errs.Refused},
	ReasonMalformed:      {"malformed", errs.Refused},
	ReasonOverBudget:     {"too much for one update", errs.Refused},
	ReasonBoundary:       {"the file has no block boundary there", errs.Conflict},
	ReasonExists:         {"it is there already", errs.Conflict},
	ReasonMissing:        {"what it starts from is not there", errs.Conflict},
	ReasonLinked:         {"a directory entry still names the file", errs.Conflict},
	ReasonReferenced:     {"a version still refers to the extent", errs.Conflict},
	ReasonSignature:      {"a signature does not verify", errs.Refused},
	ReasonWrongObject:    {"it is for another object", errs.Refused},
	ReasonExpired:        {"it came too late", errs.Conflict},
	ReasonStale:          {"its sequence number is too old", errs.Refused},
	ReasonReused:         {"its sequence number was used before", errs.Refused},
	ReasonBusy:           {"the version is full", errs.NoQuorum},
	ReasonTooLarge:       {"the file would be too large", errs.Refused},
	ReasonOtherRing:      {"the ring has changed meanwhile", errs.Conflict},
	ReasonDeleted:        {DeletedText, errs.NotFound},
	ReasonNotAgreed:      {"not all members of the next ring have agreed to it", errs.Refused},
}

// String returns a few words for people.
func (r Reason) String() string {
	if r >= reasons {
		return fmt.Sprintf("reason %d", uint8(r))
	}
	return reasonTexts[r].text
}

// Kind returns the kind of error that the reason is for users.
func (r Reason) Kind() errs.Kind {
	if r >= reasons {
		return errs.Other
	}
	return reasonTexts[r].kind
}

// Outcome is what became of an update.
type Outcome struct {
	_       struct{} `cbor:",toarray"`
	Status  Status
	Clause  uint32 // of the clause done, or of the last one tried; from 0
	Reason  Reason // ReasonNone if Applied
	Version wire.Version
	// Repeated says that the update had been executed before, in Version; the
	// rest is its first outcome.
	Repeated bool
}

// Encode returns the outcome as decisions hash it.
func (o Outcome) Encode() []byte { return wire.Marshal(o) }

// outcomeBytesMax is more than any encoded outcome has.
const outcomeBytesMax = 64

// ParseOutcome parses what Encode writes. The error matches ErrValue.
func ParseOutcome(b []byte) (o Outcome, err error) {
	if err := wire.Unmarshal(b, &o, outcomeBytesMax); err != nil {
		return o, fmt.Errorf("%w: %w", ErrValue, err)
	}
	if o.Status < Applied || o.Status > Refused || (o.Status == Applied) != (o.Reason == ReasonNone) {
		return o, fmt.Errorf("%w: outcome with status %d and reason %d", ErrValue, o.Status, o.Reason)
	}
	return o, nil
}

// Err returns nil for an update that was applied, else an error of the
// reason's kind.
func (o Outcome) Err() error {
	if o.Status == Applied {
		return nil
	}
	return errs.Newf("update", "", o.Reason.Kind(), "%v", o.Reason)
}
