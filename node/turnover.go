package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/bft/runner"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/ringnet"
	"github.com/atollnet/atoll/objects/archive"
	"github.com/atollnet/atoll/objects/tree"
)

const (
	// turnoversMax is the most changes of rings that wait to be told or learned.
	turnoversMax = 1024
	// turnoverWorkers is how many are worked on at the same time.
	turnoverWorkers = 4
	// turnoverTimeout is how long one may take: a state may have to be fetched.
	turnoverTimeout = 5 * time.Minute
)

// turnover is a change of an object's ring that this peer has to deal with.
type turnover struct {
	object wire.ObjectID
	ask    wire.PeerID   // who knows the chain to the new ring; zero: this gateway does
	tell   *bft.RingCert // whose members are to be told; nil: nobody
}

// turnovers are those that wait, at most one for each object and duty.
type turnovers struct {
	wake chan struct{}

	mu      sync.Mutex
	waiting map[turnoverKey]turnover
}

type turnoverKey struct {
	object wire.ObjectID
	tell   bool
}

func newTurnovers() *turnovers {
	return &turnovers{wake: make(chan struct{}, 1), waiting: make(map[turnoverKey]turnover)}
}

// add notes a turnover; one too many is dropped, as the ring says it again.
func (t *turnovers) add(one turnover) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) < turnoversMax {
		t.waiting[turnoverKey{one.object, one.tell != nil}] = one
	}
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *turnovers) take() (one turnover, found bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for k, one := range t.waiting {
		delete(t.waiting, k)
		return one, true
	}
	return one, false
}

// run works on what waits until the context ends.
func (t *turnovers) run(ctx context.Context, work func(context.Context, turnover)) error {
	var busy sync.WaitGroup
	defer busy.Wait()
	slots := make(chan struct{}, turnoverWorkers)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.wake:
		}
		for one, found := t.take(); found; one, found = t.take() {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			busy.Go(func() {
				defer func() { <-slots }()
				work(ctx, one)
			})
		}
	}
}

// committed notes what has become durable here.
func (n *Node) committed(object wire.ObjectID, c bft.Certificate, next *bft.RingCert) {
	n.news.tell(object)
	n.agenda.add(object)
	n.unpublished.add(object)
	n.changed.add(object)
	if next != nil {
		n.turnovers.add(turnover{object: object, tell: next})
	}
}

// learned notes that a newer head of an object is known.
func (n *Node) learned(object wire.ObjectID) {
	n.news.tell(object)
	n.changed.add(object)
}

// moved notes that this peer has joined an object's ring or left it.
func (n *Node) moved(object wire.ObjectID) {
	n.agenda.add(object)
	n.changed.add(object)
}

// behind notes that an object has a newer ring than is known here.
func (n *Node) behind(object wire.ObjectID, from wire.PeerID, _ wire.Epoch) {
	n.turnovers.add(turnover{object: object, ask: from})
}

// turnOver tells the members of a new ring to begin, or learns of one.
func (n *Node) turnOver(ctx context.Context, t turnover) {
	ctx, cancel := context.WithTimeout(ctx, turnoverTimeout)
	defer cancel()
	var err error
	if t.tell != nil {
		err = n.tellSuccessors(ctx, t.object, *t.tell)
	} else {
		err = n.succeed(ctx, t)
	}
	if err != nil && ctx.Err() == nil {
		n.log.Warn("the ring of an object has changed", "object", t.object.String(), "error", err)
	}
}

// succeed joins the present ring of an object, or makes way for it.
func (n *Node) succeed(ctx context.Context, t turnover) error {
	if t.ask.IsZero() {
		k, seen := n.ring.heads.find(t.object)
		if !seen {
			return nil // it comes up again
		}
		value, err := k.head.Encode()
		if err != nil {
			return err
		}
		return n.seat.succeedTo(ctx, t.object, value)
	}
	record, err := ringnet.Ask[ringnet.Record](ctx, n.calls, t.ask, ringnet.KindChain, ringnet.OfObject{Object: t.object})
	if err != nil {
		return err
	}
	return n.seat.succeedTo(ctx, t.object, record.Bytes)
}

// tellSuccessors shows the members of the next ring that its time has come. All
// members of the old one do: one of them is enough.
func (n *Node) tellSuccessors(ctx context.Context, object wire.ObjectID, next bft.RingCert) error {
	value, err := n.ring.chain(object)
	if err != nil {
		return err
	}
	var peers []wire.PeerID
	for _, m := range next.Members {
		if m.Peer != n.host.Self() {
			peers = append(peers, m.Peer)
		}
	}
	answers := askAllFor(ctx, turnoverTimeout, peers, n.ring.succession(object, value))
	return failures(peers, answers, make(map[wire.PeerID]bool))
}

// succession returns what shows a peer the head record that leads to the ring it
// is to join, or to make way for.
func (r *ring) succession(object wire.ObjectID, head []byte) func(context.Context, wire.PeerID) (ringnet.Done, error) {
	return func(ctx context.Context, p wire.PeerID) (ringnet.Done, error) {
		return ringnet.Ask[ringnet.Done](ctx, r.calls, p, ringnet.KindSucceed, ringnet.Succeed{Object: object, Head: head})
	}
}

// chain returns the head record of this peer with all links to the present ring.
func (r *ring) chain(object wire.ObjectID) ([]byte, error) {
	head, here, err := r.rings.Chain(object)
	if err == nil && !here {
		err = errs.New("read chain", object.String(), errs.NotFound, runner.ErrUnknownObject)
	}
	if err != nil {
		return nil, err
	}
	if head.Hint, err = r.hint(object); err != nil {
		return nil, err
	}
	return head.Encode()
}

// succeedTo joins the ring that a head leads to, after fetching its state, or
// makes way for it. What is older than what this peer knows changes nothing.
func (m *member) succeedTo(ctx context.Context, object wire.ObjectID, value []byte) error {
	head, v, err := verifyHead(object, value)
	if err != nil {
		return errs.New("join ring", object.String(), errs.Usage, err)
	}
	if _, err := m.ring.take(ctx, object, value); err != nil {
		return err
	}
	if v.Ring.Index(m.self) < 0 {
		err = m.rings.Retire(ctx, object, head)
	} else if err = m.fetchState(ctx, object, head, v); err == nil {
		err = m.rings.Join(ctx, object, head, nil)
	}
	if errors.Is(err, runner.ErrOlder) || errors.Is(err, runner.ErrUnknownObject) {
		return nil
	}
	if err == nil {
		m.joined(object)
	}
	return errs.Wrap("join ring", object.String(), err)
}

// handover asks for the state with which a ring begins all who stand in the chain
// up to it: of the new members nobody may have it yet.
type handover struct{ *ring }

func (h handover) TreeNodes(ctx context.Context, object wire.ObjectID, name wire.NodeHash) ([]tree.Node, error) {
	k, err := h.find(ctx, object)
	if err != nil {
		return nil, err
	}
	nodes, _, err := h.treeNodes(ctx, object, name, h.everMembers(k))
	return nodes, err
}

// fetchState brings all nodes of a version into this peer's store.
func (m *member) fetchState(ctx context.Context, object wire.ObjectID, head bft.Head, v bft.Verified) error {
	root := v.Decision.State
	if v.Decision.Version == 0 {
		return nil // Join computes it
	}
	hint, err := archive.ParseHint(head.Hint)
	if err != nil {
		hint = archive.Hint{} // the ring's members have it at hand
	}
	source := archive.NewReader(object, m.nodes, handover{m.ring}, m.fetch, hint)
	for _, err := range tree.NewNodes(ctx, tree.Load(source, wire.NodeHash{}), tree.Load(source, root)) {
		if err != nil {
			return errs.Wrap("fetch state", object.String(), err)
		}
	}
	return nil
}

// treeSource reads an object's nodes, from others where this peer lacks them.
func (n *Node) treeSource(object wire.ObjectID) tree.Source {
	var hint archive.Hint
	if k, seen := n.ring.heads.find(object); seen {
		hint = k.export().Hint
	}
	return archive.NewReader(object, n.seat.nodes, n.ring, n.fetcher, hint)
}
