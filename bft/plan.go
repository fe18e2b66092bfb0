package bft

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

// Statements about the next ring, all over a plan.
const (
	TagJoin   wire.Tag = "atoll/v1/join"   // a peer: I serve in it, with the key named there
	TagAbsent wire.Tag = "atoll/v1/absent" // a member: the one that the plan replaces is silent
)

// Limits of a plan.
const (
	// CandidatesMax is the most peers among which a replacement is chosen.
	CandidatesMax = 8
	// FetchedVersionsMax is how far behind the newest version an accepting peer
	// may have fetched the state: the rest it can fetch in no time.
	FetchedVersionsMax = 10_000
	// AbsentMilliMax is how far from the time of the version the time of a
	// replacement may lie: a member that was silent once is not replaced later.
	AbsentMilliMax = 60 * 60 * 1000
	// ReconfigurationBytesMax is the most bytes of an encoded reconfiguration.
	ReconfigurationBytesMax = 8 << 10
)

const reconfigurationFormat = 1

// Errors of a reconfiguration.
var (
	// ErrReconfiguration is returned for one that is malformed, or that lacks
	// the statements it needs.
	ErrReconfiguration = errors.New("bad reconfiguration")
	// ErrOtherRing is returned for one that another ring than the present has to
	// be reconfigured for.
	ErrOtherRing = errors.New("reconfiguration of another ring")
)

// Plan says who is to order an object in the next epoch. Either the owner signs
// the update that holds it, and it names all members; or it replaces one silent
// member, f+1 others say so, and the last decision before it chooses among the
// candidates, so that nobody who makes the plan does.
type Plan struct {
	_        struct{} `cbor:",toarray"`
	Object   wire.ObjectID
	Epoch    wire.Epoch      // of the ring to come
	Previous wire.RingCertID // of the ring that orders now
	// Members, each with a fresh key. In a replacement those that stay, in their
	// order, without the absent one.
	Members []Member

	// Of a replacement; otherwise zero and empty.
	Absent        wire.PeerID
	Candidates    []Member // 1 to CandidatesMax, ascending by peer
	TimeUnixMilli int64    // when the member was found silent
}

// ID returns the name of the plan, which all statements about it sign.
func (p Plan) ID() wire.Hash { return wire.Hash(wire.Derive(contextPlan, wire.Marshal(p))) }

const contextPlan wire.Context = "atoll/v1/plan"

// IsReplacement reports whether the plan replaces a silent member.
func (p Plan) IsReplacement() bool { return !p.Absent.IsZero() }

// Joining returns all peers that must accept the plan, in the order of their
// acceptances: the members, then the candidates.
func (p Plan) Joining() []Member { return append(append([]Member(nil), p.Members...), p.Candidates...) }

// Ring returns the ring that the plan makes of the ring before it, given the
// decision that comes before the one which holds the plan. The plan must have
// passed Check.
func (p Plan) Ring(before RingCert, previous wire.VersionID) RingCert {
	next := RingCert{Object: p.Object, Epoch: p.Epoch, Members: p.Members, Previous: p.Previous}
	if p.IsReplacement() {
		chosen := p.Candidates[binary.BigEndian.Uint64(previous[:8])%uint64(len(p.Candidates))]
		next.Members = p.with(before.Index(p.Absent), chosen)
	}
	return next
}

// with returns the members with another in the place of the absent one.
func (p Plan) with(at int, m Member) []Member {
	all := append([]Member(nil), p.Members[:at]...)
	return append(append(all, m), p.Members[at:]...)
}

// Check sees whether the plan can follow a ring. Errors: ErrOtherRing,
// ErrReconfiguration.
func (p Plan) Check(before RingCert) error {
	if p.Object != before.Object || p.Epoch != before.Epoch+1 || p.Previous != before.ID() {
		return fmt.Errorf("%w: epoch %d", ErrOtherRing, p.Epoch)
	}
	for _, m := range p.Joining() {
		for _, old := range before.Members {
			if m.Key == old.Key {
				return fmt.Errorf("%w: the key of %v is not a fresh one", ErrReconfiguration, m.Peer)
			}
		}
	}
	if p.IsReplacement() {
		return p.checkReplacement(before)
	}
	if len(p.Candidates) > 0 || p.TimeUnixMilli != 0 {
		return fmt.Errorf("%w: candidates and nobody absent", ErrReconfiguration)
	}
	if err := checkMembers(p.Members); err != nil {
		return fmt.Errorf("%w: %w", ErrReconfiguration, err)
	}
	return nil
}

func (p Plan) checkReplacement(before RingCert) error {
	absent := before.Index(p.Absent)
	if absent < 0 || len(p.Members) != len(before.Members)-1 || len(p.Candidates) == 0 || len(p.Candidates) > CandidatesMax {
		return fmt.Errorf("%w: %d members, %d candidates for member %d", ErrReconfiguration, len(p.Members), len(p.Candidates), absent)
	}
	for i, m := range p.with(absent, before.Members[absent]) {
		if m.Peer != before.Members[i].Peer {
			return fmt.Errorf("%w: it replaces more than one member", ErrReconfiguration)
		}
	}
	for i, c := range p.Candidates {
		if before.Index(c.Peer) >= 0 || i > 0 && bytes.Compare(p.Candidates[i-1].Peer[:], c.Peer[:]) >= 0 {
			return fmt.Errorf("%w: candidates out of order, or members", ErrReconfiguration)
		}
	}
	for _, c := range p.Candidates {
		if err := checkMembers(p.with(absent, c)); err != nil {
			return fmt.Errorf("%w: %w", ErrReconfiguration, err)
		}
	}
	return nil
}

// Acceptance is a peer's word that it serves in the ring of a plan, and that it
// has fetched the state of a version.
type Acceptance struct {
	_         struct{} `cbor:",toarray"`
	Fetched   wire.Version
	Signature wire.Signature
}

// joined is what the signature of an Acceptance is over.
type joined struct {
	_       struct{} `cbor:",toarray"`
	Plan    wire.Hash
	Fetched wire.Version
}

// AcceptPlan signs, as a peer that the plan names, that it serves.
func AcceptPlan(peer wire.Signer, p Plan, fetched wire.Version) Acceptance {
	body := wire.Marshal(joined{Plan: p.ID(), Fetched: fetched})
	return Acceptance{Fetched: fetched, Signature: peer.Sign(TagJoin, body)}
}

// Absence is a member's word that another is silent, and that the candidates
// for its place will do.
type Absence struct {
	_         struct{} `cbor:",toarray"`
	Member    uint8    // of the ring that orders now
	Signature wire.Signature
}

// SignAbsence signs a replacement with the ring key of a member of the ring that
// orders now.
func SignAbsence(ringKey wire.Signer, member int, p Plan) Absence {
	id := p.ID()
	return Absence{Member: uint8(member), Signature: ringKey.Sign(TagAbsent, id[:])}
}

// Reconfiguration is a plan with the statements that make it one. An update
// holds it.
type Reconfiguration struct {
	_           struct{} `cbor:",toarray"`
	Format      uint64   // 1
	Plan        Plan
	Acceptances []Acceptance // in the order of Plan.Joining
	Absences    []Absence    // of f+1 members, ascending; none if the owner signs
}

// NewReconfiguration joins a plan and its statements.
func NewReconfiguration(p Plan, acceptances []Acceptance, absences []Absence) Reconfiguration {
	return Reconfiguration{Format: reconfigurationFormat, Plan: p, Acceptances: acceptances, Absences: absences}
}

// Encode returns the canonical encoding.
func (r Reconfiguration) Encode() []byte { return wire.Marshal(r) }

// ParseReconfiguration parses what Encode writes; Verify checks it. The error
// matches ErrReconfiguration.
func ParseReconfiguration(b []byte) (Reconfiguration, error) {
	var r Reconfiguration
	if err := wire.Unmarshal(b, &r, ReconfigurationBytesMax); err != nil {
		return Reconfiguration{}, fmt.Errorf("%w: %v", ErrReconfiguration, err)
	}
	if r.Format != reconfigurationFormat {
		return Reconfiguration{}, fmt.Errorf("%w: format %d, this release reads %d", ErrReconfiguration, r.Format, reconfigurationFormat)
	}
	return r, nil
}

// Verify checks everything about a reconfiguration but the owner's signature,
// which is that of the update: that it can follow the ring which orders now,
// and every statement. parent and timeUnixMilli are the version before, and the
// time of the one that holds it. Errors: ErrOtherRing, ErrReconfiguration.
func (r Reconfiguration) Verify(before RingCert, parent wire.Version, timeUnixMilli int64) error {
	if err := r.Plan.Check(before); err != nil {
		return err
	}
	if err := r.verifyAbsences(before, timeUnixMilli); err != nil {
		return err
	}
	id, joining := r.Plan.ID(), r.Plan.Joining()
	if len(r.Acceptances) != len(joining) {
		return fmt.Errorf("%w: %d acceptances of %d", ErrReconfiguration, len(r.Acceptances), len(joining))
	}
	for i, a := range r.Acceptances {
		if a.Fetched > parent || parent-a.Fetched > FetchedVersionsMax {
			return fmt.Errorf("%w: %v has fetched version %d of %d", ErrReconfiguration, joining[i].Peer, a.Fetched, parent)
		}
		if err := joining[i].Peer.Key().Verify(TagJoin, wire.Marshal(joined{Plan: id, Fetched: a.Fetched}), a.Signature); err != nil {
			return fmt.Errorf("%w: acceptance of %v: %w", ErrReconfiguration, joining[i].Peer, err)
		}
	}
	return nil
}

func (r Reconfiguration) verifyAbsences(before RingCert, timeUnixMilli int64) error {
	if !r.Plan.IsReplacement() {
		if len(r.Absences) > 0 {
			return fmt.Errorf("%w: absences and nobody absent", ErrReconfiguration)
		}
		return nil
	}
	if d := timeUnixMilli - r.Plan.TimeUnixMilli; d > AbsentMilliMax || d < -AbsentMilliMax {
		return fmt.Errorf("%w: the member was silent at another time", ErrReconfiguration)
	}
	if len(r.Absences) <= before.Faults() {
		return fmt.Errorf("%w: %d members say that one is silent", ErrReconfiguration, len(r.Absences))
	}
	id, absent := r.Plan.ID(), before.Index(r.Plan.Absent)
	for i, a := range r.Absences {
		if int(a.Member) >= len(before.Members) || int(a.Member) == absent || i > 0 && a.Member <= r.Absences[i-1].Member {
			return fmt.Errorf("%w: absences out of order", ErrReconfiguration)
		}
		if err := before.Members[a.Member].Key.Verify(TagAbsent, id[:], a.Signature); err != nil {
			return fmt.Errorf("%w: absence signed by member %d: %w", ErrReconfiguration, a.Member, err)
		}
	}
	return nil
}
