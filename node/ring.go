package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/bft/runner"
	"github.com/atollnet/atoll/dht"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/ringnet"
	"github.com/atollnet/atoll/objects"
	"github.com/atollnet/atoll/objects/archive"
	"github.com/atollnet/atoll/objects/tree"
	"github.com/atollnet/atoll/objects/update"
)

const (
	// headLookupMax is how long a read waits for the DHT to tell the newest head.
	headLookupMax = 20 * time.Second
	// headAskMax is how long a read waits for the ring's members.
	headAskMax = 2 * time.Second
	// nodesPatience is how long a member may take to give nodes of a tree before
	// another is asked too.
	nodesPatience = 300 * time.Millisecond
	// headFresh is how long a head counts as just asked for.
	headFresh = 300 * time.Millisecond
)

// ring is the gateway's way to the rings of objects, on this peer and on others,
// and to the heads that they publish.
type ring struct {
	self     wire.PeerID
	rings    *runner.Host
	news     *news // of versions that are committed here
	calls    *ringnet.Client
	dht      *dht.DHT
	archiver *archive.Archiver
	checks   *headChecks
	heads    *heads
	others   func() int          // how many other peers are known and answer
	changed  func(wire.ObjectID) // told of objects that have a newer version here, or are archived elsewhere; must not block
	outdated func(wire.ObjectID) // told of objects whose ring this peer has been in
	log      *slog.Logger
}

// local returns the head that this peer's own member of a ring has.
func (r *ring) local(object wire.ObjectID) (known, bool, error) {
	head, here, err := r.rings.Head(object)
	if err != nil || !here {
		return known{}, false, errs.Wrap("read head", object.String(), err)
	}
	seen, have := r.heads.find(object)
	if have && sameCommit(seen.head, head) {
		return seen, true, nil
	}
	verified, err := head.Stored(object)
	if err != nil {
		return known{}, false, errs.New("read head", object.String(), errs.Damaged, err)
	}
	return r.heads.learn(object, head, verified), true, nil
}

func sameCommit(a, b bft.Head) bool {
	return a.Commit != nil && b.Commit != nil && a.Commit.View == b.Commit.View && a.Commit.Decision == b.Commit.Decision
}

// record returns the head record of this member, with its hint.
func (r *ring) record(object wire.ObjectID) ([]byte, error) {
	head, here, err := r.rings.Head(object)
	if err != nil {
		return nil, errs.Wrap("read head", object.String(), err)
	}
	if !here {
		return nil, errs.New("read head", object.String(), errs.NotFound, runner.ErrUnknownObject)
	}
	if !isDeleted(head) {
		if head.Hint, err = r.hint(object); err != nil {
			return nil, err
		}
	}
	return head.Encode()
}

// hint returns where an object is archived: what this member has archived or
// taken over, or what it has heard if that is newer, as it joined late.
func (r *ring) hint(object wire.ObjectID) ([]byte, error) {
	own, err := r.archiver.Hint(object)
	if err != nil {
		return nil, err
	}
	if k, seen := r.heads.find(object); seen && len(k.head.Hint) > 0 {
		if heard := k.export().Hint; heard.Version > own.Version {
			return heard.Encode(), nil
		}
	}
	return own.Encode(), nil
}

// take checks a head record from elsewhere and remembers it.
func (r *ring) take(ctx context.Context, object wire.ObjectID, value []byte) (known, error) {
	head, verified, err := r.checks.open(object, value)
	if err != nil {
		return known{}, errs.New("read head", object.String(), errs.Damaged, err)
	}
	return r.keep(ctx, object, value, head, verified)
}

// keep remembers a head record that has been checked.
func (r *ring) keep(ctx context.Context, object wire.ObjectID, value []byte, head bft.Head, verified bft.Verified) (known, error) {
	before, _ := r.heads.find(object)
	after := r.heads.learn(object, head, verified)
	if after.verified.Epoch > before.verified.Epoch {
		r.newRing(object)
	}
	r.expose(ctx, object)
	if bft.Compare(after.verified, before.verified) > 0 {
		if err := r.dht.SawHead(ctx, object, value); err != nil {
			return known{}, errs.Wrap("remember head", object.String(), err)
		}
	}
	return after, nil
}

// newRing notes that an object has a ring that this gateway had not heard of, if
// this peer is a member of an older one.
func (r *ring) newRing(object wire.ObjectID) {
	own, here, err := r.local(object)
	known, seen := r.heads.find(object)
	if err == nil && here && seen && known.verified.Epoch > own.verified.Epoch {
		r.outdated(object)
	}
}

// catchUp shows this peer's member of a ring a certificate that it may lack, as
// another member would.
func (r *ring) catchUp(object wire.ObjectID, head bft.Head, v bft.Verified) {
	own, here, err := r.local(object)
	if err != nil || !here || head.Commit == nil || v.Ring.ID() != own.verified.Ring.ID() {
		return
	}
	for _, m := range v.Ring.Members {
		if m.Peer != r.self {
			r.rings.Deliver(m.Peer, bft.EncodeMessage(object, v.Epoch, &bft.Announce{Commit: *head.Commit}))
			return
		}
	}
}

// relay shows a member that lags what is known here; in vain if it does not
// answer.
func (r *ring) relay(ctx context.Context, to wire.PeerID, object wire.ObjectID, k known) {
	value, err := k.head.Encode()
	if err == nil {
		_, err = ringnet.Ask[ringnet.Done](ctx, r.calls, to, ringnet.KindRelay, ringnet.Relay{Object: object, Head: value})
	}
	if err != nil {
		r.log.Debug("relaying a head", "object", object.String(), "peer", to.String(), "error", err)
	}
}

// find returns what is known of an object's ring: from memory, from this peer's
// own member, or from the DHT.
func (r *ring) find(ctx context.Context, object wire.ObjectID) (known, error) {
	if k, have := r.heads.find(object); have {
		return k, nil
	}
	if k, here, err := r.local(object); here || err != nil {
		return k, err
	}
	return r.lookup(ctx, object)
}

// lookup asks the DHT for the newest head.
func (r *ring) lookup(ctx context.Context, object wire.ObjectID) (known, error) {
	ctx, cancel := context.WithTimeout(ctx, headLookupMax)
	defer cancel()
	value, err := r.dht.Head(ctx, object)
	if errors.Is(err, dht.ErrNotFound) {
		return known{}, errs.Hint(errs.New("find head", object.String(), errs.NotFound, err),
			"check the reference, and with peerctl peers that this peer has joined the network where the object is")
	}
	if err != nil {
		return known{}, errs.Wrap("find head", object.String(), err)
	}
	return r.take(ctx, object, value)
}

// Head returns the newest head that members of the ring give, or, if none
// answers, the DHT; never one older than this gateway has seen.
func (r *ring) Head(ctx context.Context, object wire.ObjectID) (objects.Head, error) {
	k, err := r.newest(ctx, object)
	if err != nil {
		return objects.Head{}, err
	}
	return k.export(), nil
}

func (r *ring) newest(ctx context.Context, object wire.ObjectID) (known, error) {
	k, err := r.find(ctx, object)
	if err != nil {
		return k, err
	}
	proven := false
	if k.asked.IsZero() {
		k, proven = r.first(ctx, object, k)
	}
	if k.verified.Ring.Index(r.self) >= 0 {
		if own, here, err := r.local(object); here || err != nil {
			return own, err
		}
	}
	if proven || time.Since(k.asked) < headFresh {
		return k, nil
	}
	asked := time.Now()
	fresh, err := r.ask(ctx, object, k)
	if err != nil {
		if ctx.Err() != nil {
			return k, context.Cause(ctx)
		}
		api.Note(ctx, "no member of the ring answers; this is the newest version that was published")
		if fresh, err = r.lookup(ctx, object); err != nil {
			return k, nil // it has been seen, and certified
		}
	}
	r.heads.note(object, func(k *known) { k.asked = asked })
	return fresh, nil
}

// ask asks the ring's other members for their heads and returns with the first
// that is not older than what is known.
func (r *ring) ask(ctx context.Context, object wire.ObjectID, k known) (known, error) {
	ctx, cancel := context.WithTimeout(ctx, headAskMax)
	defer cancel()
	members := slices.DeleteFunc(slices.Clone(k.verified.Ring.Members), func(m bft.Member) bool { return m.Peer == r.self })
	answers := make(chan known, len(members))
	failures := make(chan error, len(members))
	for _, m := range members {
		go func() {
			record, err := ringnet.Ask[ringnet.Record](ctx, r.calls, m.Peer, ringnet.KindHead, ringnet.OfObject{Object: object})
			var got known
			if err == nil {
				got.verified, err = r.checks.verify(object, record.Bytes)
			}
			if err == nil && bft.Compare(got.verified, k.verified) < 0 {
				r.relay(ctx, m.Peer, object, k)
				err = errs.Newf("ask ring", m.Peer.String(), errs.NoQuorum, "this member is behind")
			}
			if err == nil {
				got, err = r.take(ctx, object, record.Bytes)
			}
			if err != nil {
				failures <- err
				return
			}
			answers <- got
		}()
	}
	var causes []error
	for range members {
		select {
		case got := <-answers:
			return got, nil
		case err := <-failures:
			causes = append(causes, err)
		}
	}
	return known{}, errs.New("ask ring", object.String(), errs.NoQuorum, errors.Join(causes...))
}

// export makes it the gateway's.
func (k known) export() objects.Head {
	d := k.verified.Decision
	h := objects.Head{Version: d.Version, Root: d.State, Time: time.UnixMilli(d.TimeUnixMilli)}
	if d.Version == 0 {
		h.Root, _ = firstState(k.head.Genesis)
	}
	if len(k.head.Hint) > 0 {
		// A bad hint can only make a reader look in vain; what is in the local
		// store, and on the ring, can still be read.
		h.Hint, _ = archive.ParseHint(k.head.Hint)
	}
	return h
}

// firstState returns version 0, which no decision names: whoever has the genesis
// can compute it.
func firstState(g bft.Genesis) (wire.NodeHash, []tree.Node) {
	policy, err := update.ParsePolicy(g.Body.Policy)
	if err != nil {
		return wire.NodeHash{}, nil // no ring would begin with it
	}
	return update.Genesis(g.Body.Owner, policy, g.Body.Ring().ID())
}

// TreeNodes asks the ring's members for nodes of an object's tree, first the one
// that has answered last.
func (r *ring) TreeNodes(ctx context.Context, object wire.ObjectID, name wire.NodeHash) ([]tree.Node, error) {
	k, err := r.find(ctx, object)
	if err != nil {
		return nil, err
	}
	if k.verified.Decision.Version == 0 {
		if root, nodes := firstState(k.head.Genesis); root == name {
			return nodes, nil
		}
	}
	nodes, from, err := r.treeNodes(ctx, object, name, ahead(k.reader, r.inOrder(k)))
	if err == nil {
		r.heads.note(object, func(k *known) { k.reader = from })
	}
	return nodes, err
}

// treeNodes asks one peer after another for nodes.
func (r *ring) treeNodes(ctx context.Context, object wire.ObjectID, name wire.NodeHash, peers []wire.PeerID) ([]tree.Node, wire.PeerID, error) {
	others := slices.DeleteFunc(peers, func(m wire.PeerID) bool {
		return m == r.self // it has just been looked for in this store
	})
	nodes, from, err := inTurn(ctx, turns{patience: nodesPatience}, others, errs.NoQuorum, func(ctx context.Context, m wire.PeerID) ([]tree.Node, error) {
		ctx, cancel := context.WithTimeout(ctx, headAskMax)
		defer cancel()
		list, err := ringnet.Ask[ringnet.NodeList](ctx, r.calls, m, ringnet.KindNodes, ringnet.Nodes{Object: object, Name: name})
		if err != nil {
			return nil, err
		}
		return checkNodes(list, name)
	})
	return nodes, from, errs.Wrap("read tree", object.String(), err)
}

// checkNodes names nodes by their content. A member that adds what nobody asked
// for fills this peer's store with what it could have fetched anyway: no more
// than one answer each.
func checkNodes(list ringnet.NodeList, name wire.NodeHash) ([]tree.Node, error) {
	if len(list.Nodes) == 0 {
		return nil, fmt.Errorf("%w: no node", ringnet.ErrAnswer)
	}
	nodes := make([]tree.Node, 0, len(list.Nodes))
	wanted := map[wire.NodeHash]bool{name: true}
	for i, b := range list.Nodes {
		n := tree.NewNode(b)
		if len(b) > wire.TreeNodeBytesMax || !wanted[n.Hash] {
			return nil, fmt.Errorf("%w: node %v was not asked for", ringnet.ErrAnswer, n.Hash)
		}
		nodes = append(nodes, n)
		if i > 0 {
			continue
		}
		leaves, err := tree.Leaves(b)
		if err != nil {
			return nil, err
		}
		for _, l := range leaves {
			wanted[l] = true
		}
	}
	return nodes, nil
}

// inOrder returns the members of a ring, the likely leader first.
func (r *ring) inOrder(k known) []wire.PeerID {
	members := k.verified.Ring.Members
	order := make([]wire.PeerID, len(members))
	for i := range order {
		order[i] = members[(k.leader+i)%len(members)].Peer
	}
	return order
}

// verifyHead checks a head record, every signature of it.
func verifyHead(object wire.ObjectID, value []byte) (bft.Head, bft.Verified, error) {
	head, err := bft.ParseHead(value)
	if err != nil {
		return bft.Head{}, bft.Verified{}, err
	}
	v, err := head.Verify(object)
	return head, v, err
}
