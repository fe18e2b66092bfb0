package bfttest

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
)

// ErrBroken is what a run returns whose rules were broken.
var ErrBroken = errors.New("broken")

// watch sees everything that honest members say and decide, across crashes, and
// holds it against the rules.
type watch struct {
	err      error
	liars    int
	known    map[string]bool // updates that somebody submitted
	decided  map[wire.Version]wire.VersionID
	last     []wire.Version // by member
	prepared []map[wire.View]map[wire.Version]wire.VersionID
	left     []wire.View // by member: nothing of a view below may be signed
}

func newWatch(members, liars int) *watch {
	w := &watch{
		liars: liars, known: make(map[string]bool), decided: make(map[wire.Version]wire.VersionID),
		last: make([]wire.Version, members), left: make([]wire.View, members),
	}
	for range members {
		w.prepared = append(w.prepared, make(map[wire.View]map[wire.Version]wire.VersionID))
	}
	return w
}

func (w *watch) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("%w: %s", ErrBroken, fmt.Sprintf(format, args...))
	}
}

func (w *watch) submitted(u []byte) { w.known[string(u)] = true }

// committed checks that all members decide one history, of updates that users
// submitted, and never go back.
func (w *watch) committed(member int, ring bft.RingCert, c bft.Committed) {
	d := c.Certificate.Decision
	if other, found := w.decided[d.Version]; found && other != d.ID() {
		w.fail("member %d decides version %d otherwise than another", member, d.Version)
	}
	w.decided[d.Version] = d.ID()
	if d.Version > 1 && d.Previous != w.decided[d.Version-1] {
		w.fail("version %d of member %d does not follow", d.Version, member)
	}
	if d.Version != w.last[member]+1 {
		w.fail("member %d decides version %d after %d", member, d.Version, w.last[member])
	}
	w.last[member] = d.Version
	if bits.OnesCount16(c.Certificate.Signers) < ring.Quorum() || c.Batch.Digest() != d.Outcomes {
		w.fail("version %d of member %d is not certified", d.Version, member)
	}
	for _, u := range c.Batch.Updates {
		if !w.known[string(u)] {
			w.fail("version %d holds %q, which nobody submitted", d.Version, u)
		}
	}
}

// lost notes that a member has only so many versions on its disk after a crash.
func (w *watch) lost(member, versions int) {
	w.last[member] = min(w.last[member], wire.Version(versions))
}

// said checks what an honest member signs.
func (w *watch) said(member int, m bft.Message) {
	switch m := m.(type) {
	case *bft.PrePrepare:
		w.voted(member, bft.Prepare, m.Proposal.Decision.Version, bft.Ballot{View: m.View, Decision: m.Proposal.Decision.ID()})
	case *bft.Vote:
		w.voted(member, m.Kind, m.Version, m.Ballot)
	case *bft.ViewChange:
		w.left[member] = max(w.left[member], m.View)
	}
}

func (w *watch) voted(member int, k bft.Kind, v wire.Version, b bft.Ballot) {
	if b.View < w.left[member] {
		w.fail("member %d votes in view %d, having left it for %d", member, b.View, w.left[member])
	}
	votes := w.prepared[member][b.View]
	if votes == nil {
		votes = make(map[wire.Version]wire.VersionID)
		w.prepared[member][b.View] = votes
	}
	switch before, found := votes[v]; {
	case found && before != b.Decision:
		w.fail("member %d votes for two decisions on version %d in view %d", member, v, b.View)
	case !found && k == bft.Commit:
		w.fail("member %d commits what it has not prepared", member)
	}
	votes[v] = b.Decision
}
