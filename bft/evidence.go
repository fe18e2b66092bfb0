package bft

import (
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

// EvidenceBytesMax is the most bytes of an encoded Evidence.
const EvidenceBytesMax = 4 << 10

const evidenceFormat = 1

// ErrEvidence is returned for evidence that shows nothing.
var ErrEvidence = errors.New("bad evidence")

// Evidence shows, to anybody and offline, that members of a ring have lied: two
// votes of one member for two decisions on one version in one view, or two
// commit certificates for one version.
type Evidence struct {
	_            struct{} `cbor:",toarray"`
	Format       uint64   // 1
	Ring         RingCert
	Votes        []Cast        // two or none
	Certificates []Certificate // two or none, of commits
}

// Cast is a vote with all of the decision that it is for.
type Cast struct {
	_         struct{} `cbor:",toarray"`
	Member    uint8
	Kind      Kind
	View      wire.View
	Decision  Decision
	Signature wire.Signature
}

// Guilty says who has lied, as far as that can be told.
type Guilty struct {
	// Members have signed two decisions on one version in one view: bit i for
	// member i.
	Members uint16
	// Forked means that the ring has certified two decisions on one version: at
	// least f+1 members have lied, in some view, whether they are named or not.
	Forked bool
}

// VoteEvidence joins two votes.
func VoteEvidence(ring RingCert, a, b Cast) Evidence {
	return Evidence{Format: evidenceFormat, Ring: ring, Votes: []Cast{a, b}}
}

// ForkEvidence joins two commit certificates.
func ForkEvidence(ring RingCert, a, b Certificate) Evidence {
	return Evidence{Format: evidenceFormat, Ring: ring, Certificates: []Certificate{a, b}}
}

// Encode returns the canonical encoding.
func (e Evidence) Encode() []byte { return wire.Marshal(e) }

// ParseEvidence parses what Encode writes; Verify checks it. The error matches
// ErrEvidence.
func ParseEvidence(b []byte) (Evidence, error) {
	var e Evidence
	if err := wire.Unmarshal(b, &e, EvidenceBytesMax); err != nil {
		return Evidence{}, fmt.Errorf("%w: %v", ErrEvidence, err)
	}
	if e.Format != evidenceFormat {
		return Evidence{}, fmt.Errorf("%w: format %d, this release reads %d", ErrEvidence, e.Format, evidenceFormat)
	}
	return e, nil
}

// Verify returns what the evidence shows about the ring that it holds; whether
// that ring is in the object's chain is the reader's to know. The error matches
// ErrEvidence.
func (e Evidence) Verify() (Guilty, error) { return e.verify(Ed25519) }

func (e Evidence) verify(v Verifier) (Guilty, error) {
	if err := checkMembers(e.Ring.Members); err != nil {
		return Guilty{}, fmt.Errorf("%w: %w", ErrEvidence, err)
	}
	switch {
	case len(e.Votes) == 2 && len(e.Certificates) == 0:
		return e.verifyVotes(e.Votes[0], e.Votes[1], v)
	case len(e.Votes) == 0 && len(e.Certificates) == 2:
		return e.verifyFork(e.Certificates[0], e.Certificates[1], v)
	}
	return Guilty{}, fmt.Errorf("%w: %d votes and %d certificates", ErrEvidence, len(e.Votes), len(e.Certificates))
}

func (e Evidence) verifyVotes(a, b Cast, v Verifier) (Guilty, error) {
	if a.Member != b.Member || int(a.Member) >= len(e.Ring.Members) || a.View != b.View || !contradict(a.Decision, b.Decision) {
		return Guilty{}, fmt.Errorf("%w: the votes do not contradict each other", ErrEvidence)
	}
	id, key := e.Ring.ID(), e.Ring.Members[a.Member].Key
	for _, c := range []Cast{a, b} {
		if c.Decision.Ring != id || !c.Kind.valid() {
			return Guilty{}, fmt.Errorf("%w: a vote of another ring", ErrEvidence)
		}
		if err := v.vote(key, c.Kind, Ballot{View: c.View, Decision: c.Decision.ID()}, c.Signature); err != nil {
			return Guilty{}, fmt.Errorf("%w: %w", ErrEvidence, err)
		}
	}
	return Guilty{Members: 1 << a.Member}, nil
}

func (e Evidence) verifyFork(a, b Certificate, v Verifier) (Guilty, error) {
	for _, c := range []Certificate{a, b} {
		if err := c.verify(Commit, e.Ring, v); err != nil {
			return Guilty{}, fmt.Errorf("%w: %w", ErrEvidence, err)
		}
	}
	liars, forked := Fork(a, b)
	if !forked {
		return Guilty{}, fmt.Errorf("%w: the certificates do not contradict each other", ErrEvidence)
	}
	return Guilty{Members: liars, Forked: true}, nil
}

// contradict reports whether nobody may vote for both decisions in one view.
func contradict(a, b Decision) bool {
	return a.Object == b.Object && a.Epoch == b.Epoch && a.Ring == b.Ring && a.Version == b.Version && a.ID() != b.ID()
}

// accuse keeps what shows that a member has voted twice in a view: once for each
// member, so what this member keeps is bounded by the size of the ring.
func (r *Replica) accuse(member int, a, b Cast) {
	if r.accused&(1<<member) != 0 {
		return
	}
	e := VoteEvidence(r.ring, a, b)
	if _, err := e.verify(r.verify); err != nil {
		return
	}
	r.accused |= 1 << member
	r.out.Evidence = append(r.out.Evidence, e)
}

// compareProposals looks at a leader's second proposal for one version in one
// view. Its signature is a vote.
func (r *Replica) compareProposals(from int, m *PrePrepare) {
	var first *Decision
	var signature wire.Signature
	switch {
	case r.offered != nil && r.offered.View == m.View:
		first, signature = &r.offered.Proposal.Decision, r.offered.Signature
	case r.current != nil && r.state.Accepted.View == m.View:
		first, signature = &r.current.Decision, r.votes.prepares[from].signature
	default:
		return
	}
	if second := m.Proposal.Decision; contradict(*first, second) {
		r.accuse(from, Cast{Member: uint8(from), Kind: Prepare, View: m.View, Decision: *first, Signature: signature},
			Cast{Member: uint8(from), Kind: Prepare, View: m.View, Decision: second, Signature: m.Signature})
	}
}

// compareVotes looks at a member's vote beside the one of either kind that is
// here. Both decisions must be known, since a vote alone does not say which
// version it is about.
func (r *Replica) compareVotes(from int, m *Vote) {
	for _, k := range []Kind{Prepare, Commit} {
		c := r.votes.of(k)[from]
		if !c.present || c.ballot.View != m.Ballot.View || c.ballot.Decision == m.Ballot.Decision {
			continue
		}
		a, b := r.decisionOf(c.ballot.Decision), r.decisionOf(m.Ballot.Decision)
		if a != nil && b != nil && contradict(*a, *b) {
			r.accuse(from, Cast{Member: uint8(from), Kind: k, View: c.ballot.View, Decision: *a, Signature: c.signature},
				Cast{Member: uint8(from), Kind: m.Kind, View: m.Ballot.View, Decision: *b, Signature: m.Signature})
		}
	}
}

// compareCertificate looks at those who have committed a version, beside what
// they have voted for here.
func (r *Replica) compareCertificate(c *Certificate) {
	next := 0
	for i := range r.ring.Members {
		if c.Signers&(1<<i) == 0 {
			continue
		}
		signature := c.Signatures[next]
		next++
		for _, k := range []Kind{Prepare, Commit} {
			v := r.votes.of(k)[i]
			if !v.present || v.ballot.View != c.View || v.ballot.Decision == c.Decision.ID() {
				continue
			}
			if a := r.decisionOf(v.ballot.Decision); a != nil && i != r.self && contradict(*a, c.Decision) {
				r.accuse(i, Cast{Member: uint8(i), Kind: k, View: c.View, Decision: *a, Signature: v.signature},
					Cast{Member: uint8(i), Kind: Commit, View: c.View, Decision: c.Decision, Signature: signature})
			}
		}
	}
}

// confront shows what the leader has proposed here to members that vote for
// something else in the same view, once to each: one of the two has been lied to,
// and neither can tell that alone.
func (r *Replica) confront() {
	if r.current == nil || r.state.Changing || r.isLeader() {
		return
	}
	own := r.state.Accepted
	proof := r.votes.prepares[r.Leader()]
	for i := range r.ring.Members {
		if i == r.self || i == r.Leader() || r.shown&(1<<i) != 0 || !r.votes.differs(i, *own) {
			continue
		}
		r.shown |= 1 << i
		r.send(i, &PrePrepare{View: own.View, Proposal: *r.current, Parent: r.head.proof, Signature: proof.signature})
	}
}

// differs reports whether a member has voted for something else in the same view.
func (t *tally) differs(member int, b Ballot) bool {
	for _, c := range []cast{t.prepares[member], t.commits[member]} {
		if c.present && c.ballot.View == b.View && c.ballot.Decision != b.Decision {
			return true
		}
	}
	return false
}

// confronted takes what a member says that the leader has proposed to it.
func (r *Replica) confronted(m *PrePrepare) {
	if !r.over && m.Proposal.Decision.Version == r.head.version+1 {
		r.compareProposals(r.leader(m.View), m)
	}
}

// decisionOf returns a decision on the next version of which this member knows.
func (r *Replica) decisionOf(id wire.VersionID) *Decision {
	var all []*Decision
	if p := r.known[id]; p != nil {
		all = append(all, &p.Decision)
	}
	if r.offered != nil {
		all = append(all, &r.offered.Proposal.Decision)
	}
	if r.decided != nil {
		all = append(all, &r.decided.Decision)
	}
	for _, d := range all {
		if d.ID() == id {
			return d
		}
	}
	return nil
}
