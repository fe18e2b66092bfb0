package bfttest

import (
	"cmp"
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/testnet/history"
)

// Fault is a deliberate mistake of the hosts of all honest members: the checks
// of a run must find it. Mistakes in the core itself are made by changing its
// source, see TestMutants.
type Fault int

// The faults.
const (
	Sound     Fault = iota
	Amnesia         // a restarted member has forgotten what it signed
	SaysFirst       // what is said is not durable yet
	Trusting        // signatures are not checked
)

// Lie is what members do that lie.
type Lie int

// The lies.
const (
	Anything Lie = iota // now and then, something else than what is so
	Delays              // all is said as late as goes without being suspected
	Starves             // some updates are never proposed, nor passed on
	Replays             // what was said by others, in whatever view, is said again
)

// Options describe a run. Probabilities are from 0 to 1.
type Options struct {
	Seed    uint64
	Members int // of a ring, 3f+1
	// Spares is how many peers there are beside the members of the first ring,
	// and Change how likely somebody wants another ring, at each event.
	Spares int
	Change float64
	// Liars is how many members have a twin with the same key and an opinion of
	// its own, and change some of what they send; at most f in a sound run.
	Liars int
	Lie   Lie // what they do
	// Events is how many things happen under faults; after them the network is
	// whole and everybody is up, and what was submitted must be ordered.
	Events int
	Fault  Fault

	Drop, Duplicate float64 // of each message
	Crash           float64 // of each step, at a random point of its effects
	Divide          float64 // of each event: the network falls apart for a while
	Isolate         float64 // of each commit: the member is cut off just then, for longer than a timer
	DelayMilliMax   int64   // of each message
	// Measured has the hosts know how far away the members are, those that lie
	// excepted, which seem to be ten minutes away. Patient says that no leader
	// is to be left: a run in which one is has broken a rule.
	Measured, Patient bool
}

// Rough returns the options of a run with all kinds of trouble.
func Rough(seed uint64, members, liars int) Options {
	return Options{
		Seed: seed, Members: members, Liars: liars, Events: 800,
		Drop: 0.05, Duplicate: 0.05, Crash: 0.004, Divide: 0.002, Isolate: 0.02, DelayMilliMax: 200,
	}
}

// Report says what happened in a run.
type Report struct {
	Steps    int          // of replicas
	Version  wire.Version // the newest
	View     wire.View    // the highest
	Epoch    wire.Epoch   // the newest
	Crashes  int
	Evidence int   // pieces that honest members found
	Virtual  int64 // milliseconds
}

// world is one run.
type world struct {
	Options
	random *rand.Rand
	now    int64 // virtual milliseconds
	events queue
	order  uint64 // of events
	calm   bool   // no more faults

	nodes   []*node       // the peers, then the twins of the first Liars
	divided []int         // the part of the network that each node is in
	muted   int64         // until when commit votes are lost
	heard   []bft.Message // of late by those who lie; heardMax at the most
	watch   *watch
	report  Report
	updates int // submitted
	seen    map[string]*history.Append
	all     []*history.Append // of seen, in the order in which they came
}

// firstRoot is the state of version 0.
var firstRoot = wire.NodeHash{'r', 'o', 'o', 't'}

// start is when runs begin: any time but zero will do.
const start = 1_000_000

// Run runs a simulation. The error says which rule was broken, or that what was
// submitted has not been ordered long after all faults ended.
func Run(o Options) (Report, error) {
	w := newWorld(o)
	for n := 0; n < o.Events && w.watch.err == nil; n++ {
		w.trouble()
		w.changeRing()
		w.next()
	}
	w.settle()
	if w.watch.err == nil {
		w.judge()
	}
	if o.Patient && w.report.View > 0 {
		w.watch.fail("an honest leader was left, view %d", w.report.View)
	}
	w.report.Virtual = w.now - start
	if w.watch.err != nil {
		return w.report, fmt.Errorf("seed %d: %w", o.Seed, w.watch.err)
	}
	return w.report, nil
}

func newWorld(o Options) *world {
	peers := o.Members + o.Spares
	w := &world{
		Options: o, random: rand.New(rand.NewPCG(o.Seed, 1)), now: start,
		watch: newWatch(peers), seen: make(map[string]*history.Append),
	}
	first := newRing(o.Members, o.Seed)
	w.divided = make([]int, peers+o.Liars)
	for i := range w.divided {
		n := &node{world: w, id: i, peer: i % peers, lies: i%peers < o.Liars}
		n.disk = disk{ring: first, saved: bft.Saved{Root: firstRoot}}
		n.durable = n.disk
		w.nodes = append(w.nodes, n)
	}
	for _, n := range w.nodes {
		n.boot(nil)
	}
	w.submitLater()
	if o.Spares > 0 {
		w.moveUsers()
	}
	return w
}

// after lets something happen in the future.
func (w *world) after(milli int64, what func()) {
	w.order++
	heap.Push(&w.events, event{w.now + milli, w.order, what})
}

// stormEvents is more than the messages and timers that a ring has on the way
// at a time, unless its members answer each other without end.
const stormEvents = 5000

// next lets the next thing happen; false if there is none.
func (w *world) next() bool {
	if len(w.events) == 0 {
		return false
	}
	if len(w.events) > stormEvents {
		w.watch.fail("storm: %s", w.describe())
	}
	e := heap.Pop(&w.events).(event)
	w.now = e.at
	e.what()
	return true
}

func (w *world) chance(p float64) bool { return !w.calm && p > 0 && w.random.Float64() < p }

// submitLater hands an update to some honest member now and then.
func (w *world) submitLater() {
	w.after(w.random.Int64N(100), func() {
		if w.calm {
			return
		}
		if n := w.anyMember(); n != nil {
			w.give(n, update(w.updates))
		}
		w.submitLater()
	})
}

// give hands a new update to a member.
func (w *world) give(n *node, u []byte) {
	w.updates++
	w.watch.submitted(u)
	a := &history.Append{Client: n.peer, Began: w.now, Place: history.Unknown}
	w.seen[string(u)], w.all = a, append(w.all, a)
	n.submitted = append(n.submitted, u)
	n.step(bft.Submit{Update: u})
}

// trouble divides the network now and then, and mends it.
func (w *world) trouble() {
	if !w.chance(w.Divide) {
		return
	}
	for i := range w.divided {
		w.divided[i] = w.random.IntN(2)
	}
	w.after(w.random.Int64N(10_000), func() { clear(w.divided) })
}

// isolate cuts a node off, just as it has come to know more than the others,
// and loses what would tell them too.
func (w *world) isolate(n *node) {
	if w.chance(w.Isolate) {
		w.divided[n.id] = 2
		w.muted = w.now + w.DelayMilliMax
		w.after(20_000, func() { w.divided[n.id] = 0 })
	}
}

// settle ends all faults and runs on until every honest member has ordered all
// that it was given.
func (w *world) settle() {
	const patience = 3600 * 1000 // virtual milliseconds; timers go up to a minute
	w.calm = true
	clear(w.divided)
	for _, n := range w.nodes {
		if !n.up {
			n.boot(n.submitted)
		}
	}
	for _, n := range w.nodes {
		if !n.lies && n.replica != nil {
			w.give(n, update(w.updates))
		}
	}
	limit := w.now + patience
	for w.watch.err == nil && !w.finished() {
		if w.now > limit || !w.next() {
			w.watch.fail("stuck: %s", w.describe())
		}
	}
}

// judgeMax is how long the search for an order may take.
const judgeMax = 10 * time.Second

// judge holds what users saw against the history: that every update which was
// answered is in it, in an order that explains who heard what when. One that is
// ordered twice, as a crash may lead to, counts the first time.
func (w *world) judge() {
	places := 0
	newest := slices.MaxFunc(w.nodes[w.Liars:w.Members+w.Spares], func(a, b *node) int { return cmp.Compare(len(a.disk.log), len(b.disk.log)) })
	for _, v := range newest.disk.log {
		for _, u := range v.Proposal.Batch.Updates {
			if a := w.seen[string(u)]; a.Place == history.Unknown {
				a.Place = places
				places++
			}
		}
	}
	all := make([]history.Append, 0, len(w.all))
	for _, a := range w.all {
		all = append(all, *a)
	}
	if err := history.Linearizable(all, judgeMax); err != nil {
		w.watch.fail("%v", err)
	}
}

// accused looks whom evidence names.
func (w *world) accused(ring bft.RingCert, all []bft.Evidence) {
	for _, e := range all {
		w.report.Evidence++
		for _, c := range e.Votes {
			peer := peerOf(ring.Members[c.Member])
			if !slices.ContainsFunc(w.nodes, func(n *node) bool { return n.peer == peer && n.lies }) {
				w.watch.fail("peer %d has not lied and is accused", peer)
			}
		}
	}
}

// update returns the nth update.
func update(n int) []byte { return fmt.Appendf(nil, "update %d", n) }

// finished reports whether every honest member has ordered what its users gave
// it. One that has nothing left to wait for may be a version behind.
func (w *world) finished() bool {
	for _, n := range w.nodes {
		if !n.lies && len(n.submitted) > 0 {
			return false
		}
	}
	return true
}

func (w *world) describe() (s string) {
	for _, n := range w.nodes {
		s += fmt.Sprintf("peer %d: epoch %d, version %d", n.peer, n.disk.ring.Epoch, len(n.disk.log))
		if n.replica != nil {
			view, active := n.replica.View()
			s += fmt.Sprintf(", view %d (active %v)", view, active)
		}
		s += fmt.Sprintf(", %d waiting; ", len(n.submitted))
	}
	return s
}

// route sends a message of an epoch on its way to the nodes of a peer.
func (w *world) route(from *node, e wire.Epoch, to int, m bft.Message) {
	for _, n := range w.nodes {
		if n.peer != to || n.peer == from.peer || w.chance(w.Drop) {
			continue
		}
		w.carryLate(from, n, e, m, 0)
		if w.chance(w.Duplicate) {
			w.carryLate(from, n, e, m, 0)
		}
	}
}

func (w *world) carryLate(from, to *node, e wire.Epoch, m bft.Message, late int64) {
	w.after(late+1+w.random.Int64N(max(w.DelayMilliMax, 1)), func() {
		if w.divided[from.id] == w.divided[to.id] && !w.mutes(m) {
			to.receive(from, e, m)
		}
	})
}

// roundTrips is what a host knows of how far away the members of a ring are.
func (w *world) roundTrips(ring bft.RingCert) []bft.Input {
	if !w.Measured {
		return nil
	}
	milli := make([]uint32, len(ring.Members))
	for i, m := range ring.Members {
		milli[i] = uint32(2 * w.DelayMilliMax)
		if peerOf(m) < w.Liars {
			milli[i] = 600_000
		}
	}
	return []bft.Input{bft.RoundTrips{Milli: milli}}
}

func (w *world) mutes(m bft.Message) bool {
	v, ok := m.(*bft.Vote)
	return ok && v.Kind == bft.Commit && w.now < w.muted && !w.calm
}

// event is something that will happen.
type event struct {
	at    int64
	order uint64
	what  func()
}

// queue is a heap of events.
type queue []event

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	return q[i].at < q[j].at || q[i].at == q[j].at && q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *queue) Pop() any {
	last := (*q)[len(*q)-1]
	*q = (*q)[:len(*q)-1]
	return last
}
