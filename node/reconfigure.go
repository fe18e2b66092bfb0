package node

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/ringnet"
	"github.com/atollnet/atoll/objects/update"
)

// change is a ring to be made in the place of another.
type change struct {
	object wire.ObjectID
	k      known
	chain  []byte               // head record that leads to the present ring
	out    map[wire.PeerID]bool // must not be in it: to be replaced, or did not answer
	size   int                  // how many there are to be
}

// ringOf gathers what a change of an object's ring begins with.
func (n *Node) ringOf(ctx context.Context, object wire.ObjectID) (c change, err error) {
	c = change{object: object, out: make(map[wire.PeerID]bool)}
	if c.k, err = n.ring.newest(ctx, object); err != nil {
		return c, err
	}
	c.size = len(c.k.verified.Ring.Members)
	for _, m := range n.ring.inOrder(c.k) {
		var record ringnet.Record
		if record, err = ringnet.Ask[ringnet.Record](ctx, n.calls, m, ringnet.KindChain, ringnet.OfObject{Object: object}); err == nil {
			c.chain = record.Bytes
			c.k, err = n.ring.take(ctx, object, record.Bytes)
			return c, err
		}
	}
	return c, errs.New("change ring", object.String(), errs.NoQuorum, err)
}

// reconfigure has the owner's new ring order an object: as many of the old one
// as answer and are not to go, and others.
func (n *Node) reconfigure(ctx context.Context, c change) error {
	p := bft.Plan{Object: c.object, Epoch: c.k.verified.Epoch + 1, Previous: c.k.verified.Ring.ID()}
	for range foundTries {
		p.Members = n.gatherNext(ctx, c, p.Epoch)
		if len(p.Members) < c.size {
			break // a smaller ring withstands less: nobody asked for that
		}
		acceptances, err := n.acceptances(ctx, c, p)
		if err != nil {
			n.log.Debug("a ring is put together anew", "object", c.object.String(), "error", err)
			continue
		}
		if err := n.gateway.Reconfigure(ctx, c.object, bft.NewReconfiguration(p, acceptances, nil)); err != nil {
			return err
		}
		if err := n.settle(ctx, p, c.k.verified.Ring); err != nil {
			return err
		}
		return n.endorse(ctx, c.object)
	}
	return errs.Hint(errs.Newf("change ring", c.object.String(), errs.NoQuorum, "%d of %d peers join", len(p.Members), c.size),
		"more peers are needed; `peerctl peers` lists those that are known")
}

// tellAfter is how long the members of a ring have to tell their successors
// before the gateway that ordered the change does.
const tellAfter = time.Second

// settle waits until a member of a new ring has begun, and has this gateway know
// the ring. If the members of the old one have stopped too early, it tells the new
// ones itself.
func (n *Node) settle(ctx context.Context, p bft.Plan, old bft.RingCert) error {
	ctx, cancel := context.WithTimeout(ctx, turnoverTimeout)
	defer cancel()
	for began := time.Now(); ; {
		var last error
		for _, m := range p.Members {
			record, err := ringnet.Ask[ringnet.Record](ctx, n.calls, m.Peer, ringnet.KindChain, ringnet.OfObject{Object: p.Object})
			if err == nil {
				var k known
				if k, err = n.ring.take(ctx, p.Object, record.Bytes); err == nil && k.verified.Epoch >= p.Epoch {
					return nil
				}
			}
			last = cmp.Or(err, last)
		}
		if time.Since(began) >= tellAfter {
			last = cmp.Or(n.tellNext(ctx, p, old), last)
		}
		select {
		case <-ctx.Done():
			return errs.New("change ring", p.Object.String(), errs.Timeout, cmp.Or(last, context.Cause(ctx)))
		case <-time.After(orderPause):
		}
	}
}

// tellNext shows the members of a new ring what a member of the old one knows:
// that their time has come.
func (n *Node) tellNext(ctx context.Context, p bft.Plan, old bft.RingCert) (err error) {
	for _, m := range old.Members {
		record, asked := ringnet.Ask[ringnet.Record](ctx, n.calls, m.Peer, ringnet.KindChain, ringnet.OfObject{Object: p.Object})
		if asked != nil {
			err = asked
			continue
		}
		if k, taken := n.ring.take(ctx, p.Object, record.Bytes); taken != nil || k.verified.Epoch < p.Epoch {
			err = cmp.Or(taken, err)
			continue
		}
		peers := bft.Peers(p.Members)
		answers := askAllFor(ctx, turnoverTimeout, peers, n.ring.succession(p.Object, record.Bytes))
		return failures(peers, answers, make(map[wire.PeerID]bool))
	}
	return err
}

// gatherNext finds the members of the next ring and their keys.
func (n *Node) gatherNext(ctx context.Context, c change, epoch wire.Epoch) []bft.Member {
	var line []wire.PeerID
	for _, m := range c.k.verified.Ring.Members {
		if !c.out[m.Peer] {
			line = append(line, m.Peer)
		}
	}
	for _, p := range n.ringCandidates(c.out) {
		if !c.out[p] && !slices.Contains(line, p) { // this peer is in the list in any case
			line = append(line, p)
		}
	}
	var members []bft.Member
	for len(line) > 0 && len(members) < c.size && ctx.Err() == nil {
		asked := line[:min(len(line), c.size-len(members))]
		line = line[len(asked):]
		members = append(members, n.reserveNext(ctx, c, epoch, asked)...)
	}
	return members[:ringSizeWithin(len(members))]
}

func (n *Node) reserveNext(ctx context.Context, c change, epoch wire.Epoch, peers []wire.PeerID) (members []bft.Member) {
	answers := askAll(ctx, peers, func(ctx context.Context, p wire.PeerID) (ringnet.Reserved, error) {
		return ringnet.Ask[ringnet.Reserved](ctx, n.calls, p, ringnet.KindReserveNext, ringnet.ReserveNext{Object: c.object, Epoch: epoch})
	})
	for i, a := range answers {
		if a.err != nil || a.got.Key.IsZero() {
			c.out[peers[i]] = true
			continue
		}
		members = append(members, bft.Member{Peer: peers[i], Key: a.got.Key})
	}
	return members
}

// acceptances has everybody whom a plan names fetch the state and accept. Who
// fails is noted.
func (n *Node) acceptances(ctx context.Context, c change, p bft.Plan) ([]bft.Acceptance, error) {
	joining := p.Joining()
	peers := make([]wire.PeerID, len(joining))
	for i, m := range joining {
		peers[i] = m.Peer
	}
	answers := askAllFor(ctx, turnoverTimeout, peers, func(ctx context.Context, to wire.PeerID) (ringnet.PlanAccepted, error) {
		return ringnet.Ask[ringnet.PlanAccepted](ctx, n.calls, to, ringnet.KindAcceptPlan, ringnet.AcceptPlan{Plan: p, Head: c.chain})
	})
	all := make([]bft.Acceptance, len(answers))
	for i, a := range answers {
		all[i] = a.got.Acceptance
	}
	return all, failures(peers, answers, c.out)
}

// endorse has the present ring of a volume keep its owner's word that it is the
// present one, so that readers need no older ones.
func (n *Node) endorse(ctx context.Context, object wire.ObjectID) error {
	k, err := n.ring.newest(ctx, object)
	if err != nil {
		return err
	}
	e := bft.Endorse(n.volumes.author(), k.verified.Ring, k.verified.Overrides)
	peers := bft.Peers(k.verified.Ring.Members)
	answers := askAll(ctx, peers, func(ctx context.Context, p wire.PeerID) (ringnet.Done, error) {
		return ringnet.Ask[ringnet.Done](ctx, n.calls, p, ringnet.KindEndorse, ringnet.Endorse{Object: object, Endorsement: e})
	})
	if err := failures(peers, answers, make(map[wire.PeerID]bool)); err != nil {
		n.log.Debug("some members lack the owner's endorsement", "object", object.String(), "error", err)
	}
	return nil
}

// replaceSilent replaces one member that f+1 others find silent, without the
// owner: the last decision chooses among candidates who have all accepted.
func (n *Node) replaceSilent(ctx context.Context, object wire.ObjectID, absent wire.PeerID) error {
	c, err := n.ringOf(ctx, object)
	if err != nil {
		return err
	}
	before := c.k.verified.Ring
	if before.Index(absent) < 0 || before.Faults() == 0 {
		return nil
	}
	p := bft.Plan{
		Object: object, Epoch: before.Epoch + 1, Previous: before.ID(), Absent: absent, TimeUnixMilli: time.Now().UnixMilli(),
	}
	var stay []wire.PeerID
	for _, m := range before.Members {
		if m.Peer != absent {
			stay = append(stay, m.Peer)
		}
	}
	if p.Members = n.reserveNext(ctx, c, p.Epoch, stay); len(p.Members) < len(stay) {
		return errs.Newf("replace member", object.String(), errs.NoQuorum, "%d of %d others answer", len(p.Members), len(stay))
	}
	p.Candidates = n.candidates(ctx, c, p.Epoch)
	acceptances, err := n.acceptances(ctx, c, p)
	if err != nil {
		return err
	}
	absences, err := n.absences(ctx, before, p, stay)
	if err != nil {
		return err
	}
	return n.gateway.Reconfigure(ctx, object, bft.NewReconfiguration(p, acceptances, absences))
}

// candidatesWanted is among how many peers the replacement of a silent member is
// chosen: enough that who gathers them does not choose.
const candidatesWanted = 3

// candidates finds peers that would take the place of a member.
func (n *Node) candidates(ctx context.Context, c change, epoch wire.Epoch) []bft.Member {
	line := slices.DeleteFunc(n.ringCandidates(c.out), func(p wire.PeerID) bool { return c.k.verified.Ring.Index(p) >= 0 })
	found := n.reserveNext(ctx, c, epoch, line[:min(len(line), candidatesWanted)])
	slices.SortFunc(found, func(a, b bft.Member) int { return bytes.Compare(a.Peer[:], b.Peer[:]) })
	return found
}

// absences asks the other members whether they find one silent, too.
func (n *Node) absences(ctx context.Context, before bft.RingCert, p bft.Plan, stay []wire.PeerID) (all []bft.Absence, err error) {
	answers := askAll(ctx, stay, func(ctx context.Context, to wire.PeerID) (ringnet.AbsenceSigned, error) {
		return ringnet.Ask[ringnet.AbsenceSigned](ctx, n.calls, to, ringnet.KindAbsent, ringnet.Absent{Plan: p})
	})
	var causes []error
	for _, a := range answers {
		if a.err != nil {
			causes = append(causes, a.err)
			continue
		}
		all = append(all, a.got.Absence)
	}
	slices.SortFunc(all, func(a, b bft.Absence) int { return int(a.Member) - int(b.Member) })
	if len(all) <= before.Faults() {
		return nil, errs.New("replace member", p.Absent.String(), errs.NoQuorum,
			fmt.Errorf("%d members find it silent: %w", len(all), errors.Join(causes...)))
	}
	return all, nil
}

// recover makes a ring that goes on from the newest version that can be found,
// by the owner's override: the old ring has lost more members than it may.
func (n *Node) recover(ctx context.Context, c change, owner wire.Key) error {
	v := c.k.verified
	next := bft.RingCert{Object: c.object, Epoch: v.Epoch + 1, Previous: v.Ring.ID(), Members: n.gatherNext(ctx, c, v.Epoch+1)}
	if len(next.Members) == 0 {
		return errs.Newf("recover ring", c.object.String(), errs.NoQuorum, "no peer joins the new ring")
	}
	n.sayRing(ctx, len(next.Members), c.size)
	override := bft.SignOverride(owner, next, v.Version, v.Overrides+1)
	head := c.k.head
	head.Links = append(slices.Clone(head.Links), bft.Link{Ring: next, Commit: head.Commit, Override: &override})
	head.Commit = nil
	value, err := head.Encode()
	if err != nil {
		return err
	}
	if _, err := n.ring.take(ctx, c.object, value); err != nil {
		return err
	}
	if err := n.install(ctx, c.object, v.Ring, next, value); err != nil {
		return err
	}
	n.publishNew(ctx, c.object, value)
	return n.endorse(ctx, c.object)
}

// lostRing finds the newest head of a ring that does not work any more: of those
// members that answer, of the DHT, of this gateway's memory. It also returns how
// many members answer and still know the object.
func (n *Node) lostRing(ctx context.Context, object wire.ObjectID) (c change, answering int, err error) {
	c = change{object: object, out: make(map[wire.PeerID]bool)}
	if c.k, err = n.ring.find(ctx, object); err != nil {
		return c, 0, err
	}
	if k, err := n.ring.lookup(ctx, object); err == nil {
		c.k = k
	}
	members := c.k.verified.Ring.Members
	for i, s := range n.ring.standings(ctx, object, c.k) {
		if !s.answers() {
			c.out[members[i].Peer] = true
			continue
		}
		answering++
		c.k = n.ring.heads.learn(object, s.head, s.verified)
	}
	c.size = len(c.k.verified.Ring.Members)
	if policy, err := update.ParsePolicy(c.k.head.Genesis.Body.Policy); err == nil {
		c.size = int(policy.RingSize)
	}
	return c, answering, nil
}

// install has all members of a new ring begin, and those of the old one that
// answer make way.
func (n *Node) install(ctx context.Context, object wire.ObjectID, old, next bft.RingCert, value []byte) error {
	succeed := n.ring.succession(object, value)
	joining, leaving := bft.Peers(next.Members), []wire.PeerID(nil)
	for _, m := range old.Members {
		if next.Index(m.Peer) < 0 {
			leaving = append(leaving, m.Peer)
		}
	}
	joined := 0
	answers := askAllFor(ctx, turnoverTimeout, joining, succeed)
	for _, a := range answers {
		if a.err == nil {
			joined++
		}
	}
	if joined < next.Quorum() {
		return errs.New("recover ring", object.String(), errs.NoQuorum,
			fmt.Errorf("%d of %d members have begun: %w", joined, len(joining), failures(joining, answers, make(map[wire.PeerID]bool))))
	}
	askAll(ctx, leaving, succeed) // those that are gone learn of it when they return
	return nil
}

// jitter spreads what many peers do at the same time.
func jitter(d time.Duration) time.Duration { return d/2 + mathrand.N(d) }
