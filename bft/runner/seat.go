package runner

import (
	"container/list"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// seat is an object's place in memory. At most one goroutine works for it, and
// only while there is something to do.
type seat struct {
	host   *Host
	object wire.ObjectID
	stands standing
	ring   bft.RingCert
	self   int // -1: not a member; there is no replica

	idle *list.Element // guarded by host.mu

	mu      sync.Mutex // guards what follows
	items   []item
	submits int // of items
	awaited int // how many submits end gather; 0: it does not wait
	working bool
	waiters map[wire.Hash][]chan<- answer
	sources sources     // of what waits
	newest  *State      // nil: it has not been read yet
	timer   *time.Timer // nil if none runs
	token   uint64      // of timer

	gathered chan struct{} // capacity 1: awaited submits are there

	// The rest belongs to the goroutine at work.
	replica  *bft.Replica
	measured bool                    // the replica knows how far away the members are
	saved    bft.State               // as last written
	result   result                  // of the last execution
	others   map[wire.VersionID]bool // proposals stored for the version after the newest
	trouble  error                   // of the last execution
	commits  pace
	forgers  map[int]time.Time // members that passed on what nobody honest does, until when they pass on nothing

	questions []item // of readers, that wait until they can be answered
}

// item is something that waits, and the room it takes of its peer's: an input, a
// message of an epoch that is over, or something to be done while no replica is
// at work, which is told what came of it.
type item struct {
	input bft.Input
	peer  wire.PeerID
	bytes int
	epoch wire.Epoch // of the message, if not the seat's
	late  bft.Message
	alone func() error
	ask   *question
	done  chan<- error // of alone and ask: how it ended; has room for one
}

type result struct {
	token  uint64
	finish func(kv.Writer) error
}

func newSeat(h *Host, stands standing) *seat {
	self := -1
	if stands.member.Member {
		self = stands.ring.Index(h.Self)
	}
	return &seat{
		host: h, object: stands.ring.Object, stands: stands, ring: stands.ring, self: self,
		waiters: make(map[wire.Hash][]chan<- answer), others: make(map[wire.VersionID]bool),
		sources: newSources(), forgers: make(map[int]time.Time), gathered: make(chan struct{}, 1),
	}
}

// put adds inputs and sees to it that somebody works; without inputs, it wakes a
// replica that has something to finish. It is false, and nothing is added, if
// the seat is no longer its object's.
func (s *seat) put(items ...item) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.wake() {
		return false
	}
	s.items = append(s.items, items...)
	return true
}

// wake starts the goroutine unless it runs. The caller holds mu.
func (s *seat) wake() bool {
	if s.working {
		return true
	}
	if !s.host.begin(s) {
		return false
	}
	s.working = true
	go s.work()
	return true
}

// discard gives back the room of inputs that nobody will take. The caller holds
// mu.
func (s *seat) discard() {
	for _, it := range s.items {
		if it.bytes > 0 {
			s.host.release(it.peer, it.bytes)
		}
		if it.done != nil {
			it.done <- errForgotten
		}
	}
	s.items, s.submits = nil, 0
}

// errForgotten is what a host tells itself: the seat is no longer its object's.
var errForgotten = errors.New("seat forgotten")

// take returns what waits, or marks the seat as not at work. With again there is
// something to do though nothing waits.
func (s *seat) take(again bool) (todo, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.items) == 0 && !again && (s.replica != nil || s.self < 0) {
		s.working = false
		return todo{}, false
	}
	var t todo
	for i, it := range s.items {
		switch {
		case it.alone != nil:
			t.alone = append(t.alone, it)
			s.items[i].done = nil
		case it.ask != nil:
			t.asked = append(t.asked, it)
			s.items[i].done = nil
		case it.late != nil:
			t.late = append(t.late, it)
		default:
			t.inputs = append(t.inputs, it.input)
		}
	}
	s.discard()
	return t, true
}

// todo is what a seat's goroutine has to do.
type todo struct {
	inputs []bft.Input
	late   []item
	alone  []item
	asked  []item
}

// work carries out what waits, until nothing does.
func (s *seat) work() {
	defer s.host.work.Done()
	for again := false; ; {
		if s.host.ctx.Err() != nil {
			s.dropQuestions(ErrClosed)
			s.fail(ErrClosed)
			return
		}
		if again {
			s.gather()
		}
		t, more := s.take(again)
		if !more {
			s.settle()
			return
		}
		for _, it := range t.late {
			s.serveLate(it)
		}
		if len(t.alone) > 0 {
			s.doAlone(t.alone)
			return
		}
		s.enlistQuestions(t.asked)
		var err error
		switch again, err = s.step(s.screen(t.inputs)); {
		case errors.Is(err, errSucceeded):
			return
		case err != nil:
			s.host.Log.Error("ring member stopped; it starts again from what is stored", "object", s.object, "error", err)
			s.dropQuestions(err)
			s.fail(err)
			return
		}
	}
}

// settle lets the host forget the seat if nothing waits, a timer included.
func (s *seat) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.working && s.timer == nil && len(s.waiters) == 0 {
		s.host.rest(s)
	}
}

// fail ends the seat: the replica in memory may differ from what is stored.
func (s *seat) fail(err error) {
	s.host.forget(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.working = false
	s.stopTimer()
	s.answerAll(err)
	s.discard()
}

// load makes the replica from what is stored.
func (s *seat) load() error {
	if s.replica != nil {
		return nil
	}
	var saved bft.Saved
	err := s.host.Store.View(func(r kv.Reader) (err error) {
		saved, err = getSaved(r, s.object, s.stands.origin.Root, s.stands.member.Base)
		return err
	})
	if err == nil && s.stands.old {
		err = s.renew()
	}
	if err != nil {
		return err
	}
	s.replica, err = bft.New(bft.Config{
		Ring: s.ring, Self: s.self, Key: wire.NewKey(s.stands.member.Seed),
		TimeoutMilli: uint32(s.host.Timeout.Milliseconds()), Gather: true,
	}, saved)
	s.saved, s.measured = saved.State, false
	for _, p := range saved.Proposals {
		s.others[p.Decision.ID()] = true
	}
	return err
}

// step gives inputs to the replica and carries out the effects, executions
// included, whose results are inputs again. With again there must be another
// step.
func (s *seat) step(inputs []bft.Input) (again bool, err error) {
	if s.self < 0 {
		return false, nil
	}
	if err := s.load(); err != nil {
		return false, err
	}
	inputs = s.withRoundTrips(inputs)
	for {
		e := s.replica.Step(s.host.Clock().UnixMilli(), inputs...)
		if err := s.carryOut(e); err != nil {
			return false, err
		}
		if s.replica.Over() {
			s.succeed(e.Left)
			return false, errSucceeded
		}
		s.answerQuestions()
		if e.Execute == nil {
			return e.Gather, nil
		}
		s.commits.begin(time.Now())
		inputs = []bft.Input{s.execute(*e.Execute)}
		if s.host.ctx.Err() != nil {
			return false, ErrClosed
		}
	}
}

func (s *seat) execute(e bft.Execute) bft.Input {
	r, err := s.host.Executor.Execute(s.host.ctx, s.object, State{e.Parent, e.Root}, Env{e.Version, e.TimeUnixMilli, s.ring, e.Previous}, e.Updates)
	if err == nil {
		err = s.checkExecution(e, r)
	}
	if err != nil {
		s.host.Log.Warn("execution failed", "object", s.object, "version", e.Version, "error", err)
		s.trouble = err
		return bft.Executed{Token: e.Token, Failed: true}
	}
	s.result = result{e.Token, r.Finish}
	return bft.Executed{Token: e.Token, Root: r.Root, Outcomes: r.Outcomes, NextRing: r.NextRing}
}

// checkExecution holds a result against what every executor must keep to.
func (s *seat) checkExecution(e bft.Execute, r Execution) error {
	updates := e.Updates
	if r.NextRing != nil {
		if err := r.NextRing.Follows(s.ring); err != nil {
			return fmt.Errorf("%w: %w", ErrExecutor, err)
		}
		updates = updates[:min(len(r.Outcomes), len(updates))]
	}
	if err := (bft.Batch{Updates: updates, Outcomes: r.Outcomes}).Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrExecutor, err)
	}
	return nil
}

// carryOut does what package bft asks for, in its order: nothing is said before
// it is durable.
func (s *seat) carryOut(e bft.Effects) error {
	if err := s.persist(e); err != nil {
		return err
	}
	s.setTimer(e.Timer)
	for _, m := range e.Send {
		s.send(m)
	}
	for _, want := range e.Serve {
		s.serve(want)
	}
	if c := e.Commit; c != nil {
		s.mark(State{c.Certificate.Decision.Version, c.Certificate.Decision.State})
	}
	s.answer(e)
	if c := e.Commit; c != nil && s.host.Committed != nil {
		s.host.Committed(s.object, c.Certificate, c.NextRing)
	}
	return e.Fault
}

func (s *seat) persist(e bft.Effects) error {
	if e.State == nil && len(e.Store) == 0 && e.Commit == nil && len(e.Evidence) == 0 {
		return nil
	}
	wrote := false
	err := s.host.Store.Update(func(w kv.Writer) error {
		count := &counter{Writer: w}
		err := s.write(count, e)
		wrote = count.changes > 0
		return err
	})
	if err != nil || !wrote || !e.Sync {
		return err
	}
	return s.host.Store.Sync()
}

func (s *seat) write(w kv.Writer, e bft.Effects) error {
	for _, lie := range e.Evidence {
		s.host.Log.Warn("a member of a ring has lied", "object", s.object)
		if err := putEvidence(w, lie); err != nil {
			return err
		}
	}
	for _, p := range e.Store {
		if err := putProposal(w, s.object, p); err != nil {
			return err
		}
		s.others[p.Decision.ID()] = true
	}
	if e.State != nil {
		if err := putState(w, s.object, s.saved, *e.State); err != nil {
			return err
		}
		s.saved = *e.State
	}
	if e.Commit == nil {
		return nil
	}
	if err := s.writeCommit(w, *e.Commit); err != nil {
		return err
	}
	if next := e.Commit.NextRing; next != nil {
		return s.writeNext(w, bft.Link{Ring: *next, Commit: &e.Commit.Certificate})
	}
	return nil
}

// writeCommit makes a version the newest, with its batch, which may have come
// with the certificate, and without those that were not decided.
func (s *seat) writeCommit(w kv.Writer, c bft.Committed) error {
	d := c.Certificate.Decision
	if !s.others[d.ID()] {
		if err := putProposal(w, s.object, bft.Proposal{Decision: d, Batch: c.Batch}); err != nil {
			return err
		}
	}
	delete(s.others, d.ID())
	for id := range s.others {
		if err := w.Delete(proposalKey(s.object, d.Version, id)); err != nil {
			return err
		}
	}
	clear(s.others)
	if s.result.token != c.Token {
		panic(fmt.Sprintf("runner: version %d of %v commits execution %d, not %d", d.Version, s.object, c.Token, s.result.token))
	}
	if s.result.finish != nil {
		if err := s.result.finish(w); err != nil {
			return err
		}
	}
	s.result.finish = nil
	return putCommit(w, s.object, c.Certificate)
}

// counter tells whether a transaction changes anything.
type counter struct {
	kv.Writer
	changes int
}

func (c *counter) Set(key, value []byte) error { c.changes++; return c.Writer.Set(key, value) }
func (c *counter) Delete(key []byte) error     { c.changes++; return c.Writer.Delete(key) }

func (s *seat) setTimer(t *bft.Timer) {
	if t == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopTimer()
	if t.AfterMilli == 0 || s.host.ctx.Err() != nil {
		return
	}
	s.token = t.Token
	s.timer = time.AfterFunc(time.Duration(t.AfterMilli)*time.Millisecond, func() { s.expire(t.Token) })
}

func (s *seat) expire(token uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.timer == nil || s.token != token || !s.wake() {
		return
	}
	s.timer = nil
	s.items = append(s.items, item{input: bft.Timeout{Token: token}})
}

// stopTimer stops the timer if one runs. The caller holds mu.
func (s *seat) stopTimer() {
	if s.timer != nil {
		s.timer.Stop()
		s.timer = nil
	}
}

func (s *seat) send(m bft.Send) {
	b := bft.EncodeMessage(s.object, s.ring.Epoch, m.Message)
	for i, member := range s.ring.Members {
		if i != s.self && (m.To == i || m.To == bft.All) {
			s.host.Transport.Send(member.Peer, b)
		}
	}
}

// serve sends a committed version from the log.
func (s *seat) serve(want bft.Serve) {
	var data bft.Data
	err := s.host.Store.View(func(r kv.Reader) (err error) {
		data, err = getData(r, s.object, want.Version)
		return err
	})
	if errors.Is(err, ErrUnknownObject) {
		return // this member joined later; others have it
	}
	if err != nil {
		s.host.Log.Error("a committed version cannot be read", "object", s.object, "version", want.Version, "error", err)
		return
	}
	s.send(bft.Send{To: want.To, Message: &data})
}
