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
	err     error
	known   map[string]bool // updates that somebody submitted
	decided map[wire.Version]wire.VersionID
	last    []wire.Version // by peer
	ends    map[wire.Epoch]wire.Version
	seats   map[seat]*signed
}

// seat is a peer's place in the ring of an epoch.
type seat struct {
	peer  int
	epoch wire.Epoch
}

// signed is what was signed in a seat.
type signed struct {
	prepared map[wire.View]map[wire.Version]wire.VersionID
	left     wire.View // nothing of a view below may be signed
}

func newWatch(peers int) *watch {
	return &watch{
		known: make(map[string]bool), decided: make(map[wire.Version]wire.VersionID), last: make([]wire.Version, peers),
		ends: make(map[wire.Epoch]wire.Version), seats: make(map[seat]*signed),
	}
}

func (w *watch) seat(peer int, e wire.Epoch) *signed {
	s := w.seats[seat{peer, e}]
	if s == nil {
		s = &signed{prepared: make(map[wire.View]map[wire.Version]wire.VersionID)}
		w.seats[seat{peer, e}] = s
	}
	return s
}

func (w *watch) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("%w: %s", ErrBroken, fmt.Sprintf(format, args...))
	}
}

func (w *watch) submitted(u []byte) { w.known[string(u)] = true }

// committed checks that all members decide one history, of updates that users
// submitted, and never go back.
func (w *watch) committed(peer int, ring bft.RingCert, c bft.Committed) {
	d := c.Certificate.Decision
	if other, found := w.decided[d.Version]; found && other != d.ID() {
		w.fail("peer %d decides version %d otherwise than another", peer, d.Version)
	}
	w.decided[d.Version] = d.ID()
	if d.Version > 1 && d.Previous != w.decided[d.Version-1] {
		w.fail("version %d of peer %d does not follow", d.Version, peer)
	}
	if d.Version != w.last[peer]+1 {
		w.fail("peer %d decides version %d after %d", peer, d.Version, w.last[peer])
	}
	w.last[peer] = d.Version
	if bits.OnesCount16(c.Certificate.Signers) < ring.Quorum() || c.Batch.Digest() != d.Outcomes {
		w.fail("version %d of peer %d is not certified", d.Version, peer)
	}
	if len(c.Batch.Outcomes) != len(c.Batch.Updates) {
		w.fail("version %d holds %d updates with %d outcomes", d.Version, len(c.Batch.Updates), len(c.Batch.Outcomes))
	}
	w.follows(ring, c)
	for _, u := range c.Batch.Updates {
		if !w.known[string(u)] {
			w.fail("version %d holds %q, which nobody submitted", d.Version, u)
		}
	}
}

// follows checks that a version is of the epoch whose turn it is.
func (w *watch) follows(ring bft.RingCert, c bft.Committed) {
	d := c.Certificate.Decision
	if begin, found := w.ends[ring.Epoch-1]; ring.Epoch > 1 && (!found || d.Version <= begin) {
		w.fail("version %d is of epoch %d, before that begins", d.Version, ring.Epoch)
	}
	if end, found := w.ends[ring.Epoch]; found && d.Version > end {
		w.fail("version %d is of epoch %d, which ended with version %d", d.Version, ring.Epoch, end)
	}
	if (c.NextRing != nil) != (d.NextRing != wire.RingCertID{}) || c.NextRing != nil && c.NextRing.ID() != d.NextRing {
		w.fail("version %d names another ring than its decision", d.Version)
	}
	if c.NextRing != nil {
		w.ends[ring.Epoch] = d.Version
	}
}

// lost notes that a peer has only so many versions on its disk after a crash.
func (w *watch) lost(peer, versions int) {
	w.last[peer] = min(w.last[peer], wire.Version(versions))
}

// joined notes that a peer has taken over what others decided.
func (w *watch) joined(peer int, v wire.Version) { w.last[peer] = v }

// said checks what an honest member signs.
func (w *watch) said(peer int, e wire.Epoch, m bft.Message) {
	switch m := m.(type) {
	case *bft.PrePrepare:
		w.voted(peer, e, bft.Prepare, m.Proposal.Decision.Version, bft.Ballot{View: m.View, Decision: m.Proposal.Decision.ID()})
	case *bft.Vote:
		w.voted(peer, e, m.Kind, m.Version, m.Ballot)
	case *bft.ViewChange:
		s := w.seat(peer, e)
		s.left = max(s.left, m.View)
	}
}

func (w *watch) voted(peer int, e wire.Epoch, k bft.Kind, v wire.Version, b bft.Ballot) {
	s := w.seat(peer, e)
	if b.View < s.left {
		w.fail("peer %d votes in view %d, having left it for %d", peer, b.View, s.left)
	}
	if end, found := w.ends[e]; found && v > end {
		w.fail("peer %d votes on version %d in epoch %d, which ended with version %d", peer, v, e, end)
	}
	votes := s.prepared[b.View]
	if votes == nil {
		votes = make(map[wire.Version]wire.VersionID)
		s.prepared[b.View] = votes
	}
	switch before, found := votes[v]; {
	case found && before != b.Decision:
		w.fail("peer %d votes for two decisions on version %d in view %d", peer, v, b.View)
	case !found && k == bft.Commit:
		w.fail("peer %d commits what it has not prepared", peer)
	}
	votes[v] = b.Decision
}
