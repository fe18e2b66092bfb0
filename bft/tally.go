package bft

import "github.com/atollnet/atoll/internal/wire"

// cast is a member's newest vote of a kind.
type cast struct {
	ballot    Ballot
	signature wire.Signature
	present   bool
	checked   bool // the signature has been
}

// tally holds the votes on one version, the newest of each member and kind: its
// size is fixed, whatever comes in. Signatures are checked only once there are
// enough votes to matter.
type tally struct {
	prepares, commits []cast
}

func newTally(members int) *tally {
	return &tally{prepares: make([]cast, members), commits: make([]cast, members)}
}

func (t *tally) of(k Kind) []cast {
	if k == Commit {
		return t.commits
	}
	return t.prepares
}

// put notes a vote, unless one of a later view is there, or one of this view that
// was found good: nobody honest has a second one, and the first shows that.
func (t *tally) put(k Kind, member int, b Ballot, s wire.Signature, checked bool) {
	c := &t.of(k)[member]
	if c.present && (c.ballot.View > b.View || c.checked && c.ballot.View == b.View) {
		return
	}
	*c = cast{b, s, true, checked}
}

// votes returns the members' valid votes for a ballot, nil if they are fewer
// than a quorum.
func (t *tally) votes(k Kind, b Ballot, ring RingCert, v Verifier) []*wire.Signature {
	casts := t.of(k)
	if count(casts, b) < ring.Quorum() {
		return nil
	}
	for i := range casts {
		c := &casts[i]
		if !c.present || c.ballot != b || c.checked {
			continue
		}
		if v.vote(ring.Members[i].Key, k, b, c.signature) == nil {
			c.checked = true
		} else {
			*c = cast{}
		}
	}
	if count(casts, b) < ring.Quorum() {
		return nil
	}
	found := make([]*wire.Signature, len(casts))
	for i := range casts {
		if casts[i].present && casts[i].ballot == b {
			found[i] = &casts[i].signature
		}
	}
	return found
}

func count(casts []cast, b Ballot) (n int) {
	for _, c := range casts {
		if c.present && c.ballot == b {
			n++
		}
	}
	return n
}

// voters returns how many members have voted at all.
func (t *tally) voters() (n int) {
	for i := range t.prepares {
		if t.prepares[i].present || t.commits[i].present {
			n++
		}
	}
	return n
}
