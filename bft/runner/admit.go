package runner

import (
	"context"
	"errors"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// forgerPause is for how long no updates are taken from a member that has passed
// on one that no honest member would have.
const forgerPause = 10 * time.Second

// Admitter looks at updates before they are queued, once it is clear that this
// peer is a member of the object's ring. Its methods are called from several
// goroutines.
type Admitter interface {
	// Check refuses what nobody honest can have admitted, in whatever state its
	// member was. The answer must depend on the update alone: an update that other
	// members queue and this one drops would have them suspect an honest leader.
	Check(object wire.ObjectID, update []byte) error
	// Admit refuses an update of this member's users that is of no use in the
	// newest state here, and all that Check refuses.
	Admit(ctx context.Context, object wire.ObjectID, at Position, update []byte) (Admission, error)
}

// Position is where an object stands here.
type Position struct {
	State State
	Ring  bft.RingCert
}

// Admission is what an Admitter has found out.
type Admission struct {
	// Source is who answers for the update: what waits of one source is bounded.
	// Zero: nobody.
	Source wire.PublicKey
	// Executed is the version that has executed the update before; 0: none.
	Executed wire.Version
}

// admit looks at an update of a user of this member.
func (s *seat) admit(ctx context.Context, update []byte) (Admission, error) {
	if s.self < 0 {
		return Admission{}, s.moved()
	}
	if s.host.Admitter == nil {
		return Admission{}, nil
	}
	state, err := s.state()
	if err != nil {
		return Admission{}, err
	}
	return s.host.Admitter.Admit(ctx, s.object, Position{state, s.ring}, update)
}

// state returns the newest state that is committed here.
func (s *seat) state() (State, error) {
	s.mu.Lock()
	newest := s.newest
	s.mu.Unlock()
	if newest != nil {
		return *newest, nil
	}
	state := State{Root: s.stands.origin.Root}
	err := s.host.Store.View(func(r kv.Reader) (err error) {
		if state.Version, err = getVersion(r, s.object); err != nil {
			return err
		}
		c, err := getCommit(r, s.object, state.Version)
		if c != nil {
			state.Root = c.Decision.State
		}
		return err
	})
	if err == nil {
		s.mark(state)
	}
	return state, err
}

// mark notes the newest state.
func (s *seat) mark(newest State) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newest == nil || s.newest.Version < newest.Version {
		s.newest = &newest
	}
}

// repeat returns what became of an update that this ring has executed before. It
// is not found if the version is of an earlier ring, which whoever asks may not
// know, or is not in this member's log.
func (s *seat) repeat(a Admission, id wire.Hash) (r Reply, found bool, err error) {
	if a.Executed == 0 {
		return Reply{}, false, nil
	}
	c, batch, err := s.host.Version(s.object, a.Executed)
	if errors.Is(err, ErrUnknownObject) || err == nil && c.Decision.Ring != s.ring.ID() {
		return Reply{}, false, nil
	}
	if err != nil {
		return Reply{}, false, err
	}
	for i, u := range batch.Updates {
		if bft.RequestID(u) == id {
			return Reply{c.Decision.Version, batch.Outcomes[i], c, batch.Prove()[i]}, true, nil
		}
	}
	return Reply{}, false, nil
}

// screen drops what members pass on and nobody honest does, and more of it than
// is kept of one member: looking at them costs more than anything else.
func (s *seat) screen(inputs []bft.Input) []bft.Input {
	if s.host.Admitter == nil {
		return inputs
	}
	taken := make(map[int]int)
	kept := inputs[:0]
	for _, in := range inputs {
		m, ok := in.(bft.Receive)
		request, isRequest := m.Message.(*bft.Request)
		if !ok || !isRequest {
			kept = append(kept, in)
			continue
		}
		if taken[m.From]++; taken[m.From] <= bft.PendingPerMemberMax && s.passes(m.From, request.Update) {
			kept = append(kept, in)
		}
	}
	return kept
}

// passes reports whether an update that a member has passed on may be queued.
func (s *seat) passes(from int, update []byte) bool {
	if until, forger := s.forgers[from]; forger {
		if time.Now().Before(until) {
			return false
		}
		delete(s.forgers, from)
	}
	err := s.host.Admitter.Check(s.object, update)
	if err != nil {
		s.forgers[from] = time.Now().Add(forgerPause)
		s.host.Log.Warn("a member of a ring passes on what nobody honest does", "object", s.object, "member", from, "error", err)
	}
	return err == nil
}
