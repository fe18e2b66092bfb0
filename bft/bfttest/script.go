package bfttest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
)

// Script is a ring whose every event is commanded, one at a time, and told in
// words. Nothing happens by itself but executions, which succeed at once.
//
//	ring N                 a new ring of N members
//	submit M UPDATE…       users of member M submit updates
//	deliver [FROM->TO]…    deliver what is on the way, in order, until nothing is; only on those paths, if any are named
//	pass [FROM->TO]…       the same for what is on the way now, not for what comes of it
//	drop [FROM->TO]…       lose what is on the way; * stands for every member
//	timeout M              the timer of member M runs out
//	far M MILLI…           the host of member M measures these round trips to the members, in their order
//	crash M [unwritten]    member M stops; unwritten: in its next step, before it writes
//	restart M              it starts from its disk
//	equivocate M UPDATE    leader M, which lies, sends the members with odd numbers another proposal than those with even ones
//	state                  where each member stands
type Script struct {
	ring  bft.RingCert
	nodes []*scripted
	wire  []packet
	names map[wire.VersionID]string
	out   strings.Builder
}

// scripted is a member of a script.
type scripted struct {
	disk      disk
	replica   *bft.Replica
	timer     bft.Timer
	unwritten bool // it stops in its next step
}

// packet is a message on the way.
type packet struct {
	from, to int
	message  bft.Message
}

// Do carries out one command and returns what happened.
func (s *Script) Do(command string) (string, error) {
	s.out.Reset()
	words := strings.Fields(command)
	if len(words) == 0 {
		return "", nil
	}
	err := s.do(words[0], words[1:])
	if s.out.Len() == 0 && err == nil {
		return "nothing happens\n", nil
	}
	return s.out.String(), err
}

func (s *Script) do(verb string, args []string) error {
	switch verb {
	case "deliver":
		for s.pass(args) {
		}
		return nil
	case "pass":
		s.pass(args)
		return nil
	case "drop":
		s.drop(args)
		return nil
	case "state":
		s.state()
		return nil
	}
	if len(args) == 0 {
		return fmt.Errorf("%s: which?", verb)
	}
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	if verb == "ring" {
		return s.found(n)
	}
	if n < 0 || n >= len(s.nodes) {
		return fmt.Errorf("there is no member %d", n)
	}
	return s.member(verb, n, args[1:])
}

func (s *Script) member(verb string, i int, args []string) error {
	n := s.nodes[i]
	if (n.replica == nil) != (verb == "restart") {
		return fmt.Errorf("member %d is the other way round", i)
	}
	switch verb {
	case "submit":
		var inputs []bft.Input
		for _, u := range args {
			inputs = append(inputs, bft.Submit{Update: []byte(u)})
		}
		s.step(i, inputs...)
	case "timeout":
		s.step(i, bft.Timeout{Token: n.timer.Token})
	case "far":
		return s.far(i, args)
	case "crash":
		if n.unwritten = len(args) > 0; !n.unwritten {
			n.replica = nil
		}
	case "restart":
		return s.boot(i)
	case "equivocate":
		s.equivocate(i, args)
	default:
		return fmt.Errorf("no command %q", verb)
	}
	return nil
}

func (s *Script) far(i int, args []string) error {
	milli := make([]uint32, len(args))
	for j, a := range args {
		n, err := strconv.ParseUint(a, 10, 32)
		if err != nil {
			return err
		}
		milli[j] = uint32(n)
	}
	s.step(i, bft.RoundTrips{Milli: milli})
	return nil
}

func (s *Script) found(n int) error {
	*s = Script{ring: newRing(n, 1), names: make(map[wire.VersionID]string)}
	for i := range n {
		s.nodes = append(s.nodes, &scripted{disk: disk{saved: bft.Saved{Root: wire.NodeHash{'r', 'o', 'o', 't'}}}})
		if err := s.boot(i); err != nil {
			return err
		}
	}
	s.say("member %d leads view 0, member %d view 1", s.ring.Leader(0), s.ring.Leader(1))
	return nil
}

func (s *Script) boot(i int) (err error) {
	n := s.nodes[i]
	n.replica, err = bft.New(bft.Config{Ring: s.ring, Self: i, Key: newSigner(i, s.ring.Epoch), Verify: verify}, n.disk.saved)
	if err == nil {
		s.step(i)
	}
	return err
}

func (s *Script) say(format string, args ...any) { fmt.Fprintf(&s.out, format+"\n", args...) }

// step lets a member take inputs and tells what it does.
func (s *Script) step(i int, inputs ...bft.Input) {
	n := s.nodes[i]
	for n.replica != nil {
		e := n.replica.Step(start, inputs...)
		if n.unwritten {
			n.unwritten, n.replica = false, nil
			s.say("%d stops before it writes", i)
			return
		}
		s.write(i, e)
		s.send(i, e)
		if e.Timer != nil {
			s.setTimer(i, *e.Timer)
		}
		if e.Fault != nil {
			s.say("%d stops: %v", i, e.Fault)
			n.replica = nil
		}
		if e.Execute == nil {
			return
		}
		inputs = []bft.Input{execute(*e.Execute, s.ring)}
	}
}

func (s *Script) setTimer(i int, t bft.Timer) {
	if before := s.nodes[i].timer; t.AfterMilli == 0 {
		s.say("%d waits no more", i)
	} else if before.AfterMilli != t.AfterMilli {
		s.say("%d waits, %d ms", i, t.AfterMilli)
	}
	s.nodes[i].timer = t
}

func (s *Script) write(i int, e bft.Effects) {
	d := &s.nodes[i].disk
	if e.State != nil {
		d.saved.State = *e.State
	}
	for _, p := range e.Store {
		s.say("%d writes %s", i, s.proposal(p))
	}
	d.saved.Proposals = append(d.saved.Proposals, e.Store...)
	if c := e.Commit; c != nil {
		s.say("%d writes version %d = %s, certified in view %d by %s", i, c.Certificate.Decision.Version, s.name(c.Certificate.Decision), c.Certificate.View, signers(c.Certificate))
		p := bft.Proposal{Decision: c.Certificate.Decision, Batch: c.Batch}
		d.log = append(d.log, bft.Data{Proposal: p, Commit: &c.Certificate})
		d.saved.Commit, d.saved.Root, d.saved.Proposals = &c.Certificate, p.Decision.State, nil
	}
}

func (s *Script) send(i int, e bft.Effects) {
	for _, m := range e.Send {
		to := strconv.Itoa(m.To)
		if m.To == bft.All {
			to = "all"
		}
		s.say("%d -> %s: %s", i, to, s.tell(m.Message))
		for j := range s.nodes {
			if j != i && (m.To == j || m.To == bft.All) {
				s.wire = append(s.wire, packet{i, j, m.Message})
			}
		}
	}
	for _, want := range e.Serve {
		s.say("%d -> %d: its log of version %d", i, want.To, want.Version)
		s.wire = append(s.wire, packet{i, want.To, &s.nodes[i].disk.log[want.Version-1]})
	}
}

// pass delivers what is on the paths; false if there is nothing.
func (s *Script) pass(paths []string) bool {
	var now []packet
	s.wire = slices.DeleteFunc(s.wire, func(p packet) bool {
		if on(p, paths) {
			now = append(now, p)
		}
		return on(p, paths)
	})
	for _, p := range now {
		if s.nodes[p.to].replica != nil {
			s.step(p.to, bft.Receive{From: p.from, Message: p.message})
		}
	}
	return len(now) > 0
}

func (s *Script) drop(paths []string) {
	before := len(s.wire)
	s.wire = slices.DeleteFunc(s.wire, func(p packet) bool { return on(p, paths) })
	s.say("%d messages are lost", before-len(s.wire))
}

// on reports whether a message is on one of the paths.
func on(p packet, paths []string) bool {
	is := func(pattern string, member int) bool { return pattern == "*" || pattern == strconv.Itoa(member) }
	for _, path := range paths {
		from, to, _ := strings.Cut(path, "->")
		if is(from, p.from) && is(to, p.to) {
			return true
		}
	}
	return len(paths) == 0
}

// equivocate has a leader propose one thing to some and another to the rest.
func (s *Script) equivocate(i int, updates []string) {
	s.step(i, bft.Submit{Update: []byte(updates[0])})
	view, _ := s.nodes[i].replica.View()
	for k, p := range s.wire {
		m, ok := p.message.(*bft.PrePrepare)
		if !ok || p.from != i || p.to%2 == 0 {
			continue
		}
		other := *m
		other.Proposal.Decision.TimeUnixMilli++
		d := &other.Proposal.Decision
		d.State = execute(bft.Execute{Root: s.nodes[i].disk.saved.Root, Version: d.Version, TimeUnixMilli: d.TimeUnixMilli, Updates: m.Proposal.Batch.Updates}, s.ring).Root
		other.Signature = bft.SignVote(newSigner(i, s.ring.Epoch), bft.Prepare, bft.Ballot{View: view, Decision: d.ID()})
		s.wire[k].message = &other
		s.say("%d -> %d: %s instead", i, p.to, s.tell(&other))
	}
}

func (s *Script) state() {
	for i, n := range s.nodes {
		if n.replica == nil {
			s.say("%d is down", i)
			continue
		}
		view, active := n.replica.View()
		word := "in"
		if !active {
			word = "on its way to"
		}
		idle := ""
		if n.replica.Idle() {
			idle = ", idle"
		}
		s.say("%d has version %d, %s view %d%s", i, n.replica.Version(), word, view, idle)
	}
}
