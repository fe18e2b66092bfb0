package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/bft/runner"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/ringnet"
	"github.com/atollnet/atoll/objects/archive"
	"github.com/atollnet/atoll/objects/store"
	"github.com/atollnet/atoll/objects/tree"
	"github.com/atollnet/atoll/objects/update"
)

// Limits of what a peer promises to objects that do not exist yet.
const (
	// reservedMax is the most ring keys that are kept for others, of all who
	// ask; reservedPerPeerMax those of one peer.
	reservedMax        = 4096
	reservedPerPeerMax = 64
	// reservedTime is how long a key is kept for an object to be founded.
	reservedTime = 2 * time.Minute
)

// nextRate bounds the keys for next rings that one peer may ask for: an owner
// whose volumes all grow at once is well within it.
var nextRate = p2p.Rate{PerSecond: 1, Burst: 256}

// reservations are the ring keys that this peer has offered to objects that are
// about to be founded. They are forgotten in a crash: whoever founds an object
// then asks another peer.
type reservations struct {
	now func() time.Time

	mu     sync.Mutex
	byKey  map[wire.PublicKey]reservation
	byPeer map[wire.PeerID]int
}

type reservation struct {
	key   wire.Key
	from  wire.PeerID
	until time.Time
}

func newReservations(now func() time.Time) *reservations {
	return &reservations{now: now, byKey: make(map[wire.PublicKey]reservation), byPeer: make(map[wire.PeerID]int)}
}

// add makes a key for an object that a peer is about to found.
func (r *reservations) add(from wire.PeerID) (wire.PublicKey, error) {
	var seed [32]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return wire.PublicKey{}, err
	}
	key := wire.NewKey(seed)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expire()
	if len(r.byKey) >= reservedMax || r.byPeer[from] >= reservedPerPeerMax {
		return wire.PublicKey{}, errs.Newf("reserve ring key", "", errs.Full, "this peer has promised enough for now")
	}
	r.byKey[key.Public()] = reservation{key, from, r.now().Add(reservedTime)}
	r.byPeer[from]++
	return key.Public(), nil
}

// expire forgets what nobody came for. The caller holds mu.
func (r *reservations) expire() {
	now := r.now()
	for k, kept := range r.byKey {
		if now.After(kept.until) {
			r.drop(k)
		}
	}
}

// drop forgets a key. The caller holds mu.
func (r *reservations) drop(k wire.PublicKey) {
	from := r.byKey[k].from
	delete(r.byKey, k)
	if r.byPeer[from]--; r.byPeer[from] <= 0 {
		delete(r.byPeer, from)
	}
}

// find returns the key that this peer has for its place in a list of members.
func (r *reservations) find(self wire.PeerID, members []bft.Member) (wire.Key, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range members {
		if kept, ok := r.byKey[m.Key]; ok && m.Peer == self {
			return kept.key, nil
		}
	}
	return wire.Key{}, errs.Newf("join ring", "", errs.Refused, "no key was reserved here for this ring")
}

// use forgets a key that is in the store now.
func (r *reservations) use(k wire.PublicKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.byKey[k]; ok {
		r.drop(k)
	}
}

// member is this peer in the rings of others' objects: it answers what gateways
// and other members ask.
type member struct {
	self     wire.PeerID
	key      wire.Key // of the peer
	rings    *runner.Host
	ring     *ring
	nodes    *store.Nodes
	fetch    archive.Fetcher
	reserved *reservations
	nexts    *p2p.Buckets[wire.PeerID]  // keys for next rings that each peer may ask for
	refused  *p2p.Buckets[wire.PeerID]  // updates of each peer that may be refused
	silent   func(wire.PeerID) bool     // whether a peer has not been heard of for long
	joins    func(wire.ObjectID) error  // an error: this peer joins no ring of the object
	news     *news                      // of versions that are committed here
	joined   func(object wire.ObjectID) // told of rings that this peer has joined or left
}

func (m *member) listen(s *ringnet.Server) {
	ringnet.Handle(s, ringnet.KindReserve, m.reserve)
	ringnet.Handle(s, ringnet.KindAccept, m.accept)
	ringnet.Handle(s, ringnet.KindFound, m.found)
	ringnet.Handle(s, ringnet.KindSubmit, m.submit)
	ringnet.Handle(s, ringnet.KindHead, m.head)
	ringnet.Handle(s, ringnet.KindNodes, m.tree)
	ringnet.Handle(s, ringnet.KindVersions, m.versions)
	ringnet.Handle(s, ringnet.KindArchive, m.archive)
	ringnet.Handle(s, ringnet.KindRelay, m.relay)
	ringnet.Handle(s, ringnet.KindChain, m.chain)
	ringnet.Handle(s, ringnet.KindReserveNext, m.reserveNext)
	ringnet.Handle(s, ringnet.KindAcceptPlan, m.acceptPlan)
	ringnet.Handle(s, ringnet.KindAbsent, m.absent)
	ringnet.Handle(s, ringnet.KindSucceed, m.succeed)
	ringnet.Handle(s, ringnet.KindEndorse, m.endorse)
	ringnet.Handle(s, ringnet.KindStatus, m.status)
	ringnet.Handle(s, ringnet.KindEvidence, m.evidence)
	ringnet.Stream(s, ringnet.KindWatch, m.watch)
	s.Listen()
}

func (m *member) reserve(_ context.Context, from wire.PeerID, _ ringnet.Reserve) (ringnet.Reserved, error) {
	if err := m.joins(wire.ObjectID{}); err != nil {
		return ringnet.Reserved{}, err
	}
	key, err := m.reserved.add(from)
	return ringnet.Reserved{Key: key}, err
}

// accept signs this peer's place in a genesis, whose name covers everything in
// it.
func (m *member) accept(_ context.Context, _ wire.PeerID, q ringnet.Accept) (ringnet.Accepted, error) {
	if err := m.joins(q.Body.ObjectID()); err != nil {
		return ringnet.Accepted{}, err
	}
	if _, err := m.reserved.find(m.self, q.Body.Members); err != nil {
		return ringnet.Accepted{}, err
	}
	if _, err := update.ParsePolicy(q.Body.Policy); err != nil {
		return ringnet.Accepted{}, errs.New("join ring", "", errs.Usage, err)
	}
	return ringnet.Accepted{Signature: bft.Accept(m.key, q.Body.ObjectID())}, nil
}

// found makes this peer a member. The key is in the store when it answers.
func (m *member) found(ctx context.Context, _ wire.PeerID, q ringnet.Found) (ringnet.Done, error) {
	key, err := m.reserved.find(m.self, q.Genesis.Body.Members)
	if err != nil {
		return ringnet.Done{}, err
	}
	if err := m.rings.Create(ctx, q.Genesis, key); err != nil {
		return ringnet.Done{}, errs.Wrap("join ring", "", err)
	}
	m.reserved.use(key.Public())
	return ringnet.Done{}, nil
}

// submit has an update of a gateway ordered.
func (m *member) submit(ctx context.Context, from wire.PeerID, q ringnet.Submit) (ringnet.Ordered, error) {
	if !m.refused.Has(from) {
		return ringnet.Ordered{}, errs.Newf("order update", q.Object.String(), errs.Full, "too many updates of this peer were refused lately")
	}
	reply, err := m.ring.order(ctx, q.Object, q.Update)
	if errors.Is(err, errRefused) {
		m.refused.Take(from)
	}
	if err != nil {
		return ringnet.Ordered{}, memberError("order update", q.Object, err)
	}
	return ringnet.Ordered{Certificate: reply.Certificate, Outcome: reply.Outcome, Proof: reply.Proof}, nil
}

// memberError gives what a gateway can act upon a kind.
func memberError(op string, object wire.ObjectID, err error) error {
	kinds := map[error]errs.Kind{
		runner.ErrUnknownObject: errs.NotFound, runner.ErrBusy: errs.Full, runner.ErrTooLarge: errs.Usage, runner.ErrClosed: errs.NoQuorum,
	}
	for cause, kind := range kinds {
		if errors.Is(err, cause) {
			return errs.New(op, object.String(), kind, err)
		}
	}
	return errs.Wrap(op, object.String(), err)
}

// head gives this member's newest head, with the hint that it knows.
func (m *member) head(_ context.Context, _ wire.PeerID, q ringnet.OfObject) (ringnet.Record, error) {
	value, err := m.ring.record(q.Object)
	return ringnet.Record{Bytes: value}, err
}

// tree gives nodes of an object's states: the one that was asked for, and its
// leaves as far as there is room. Their names prove them, and whoever knows a
// name may know what is under it: everything in them is sealed.
func (m *member) tree(ctx context.Context, _ wire.PeerID, q ringnet.Nodes) (list ringnet.NodeList, err error) {
	first, err := m.nodes.Node(ctx, q.Name)
	if err != nil {
		return list, errs.Wrap("read tree", q.Object.String(), err)
	}
	list.Nodes = [][]byte{first}
	leaves, err := tree.Leaves(first)
	if err != nil {
		return list, errs.New("read tree", q.Object.String(), errs.Damaged, err)
	}
	bytes := len(first)
	for _, name := range leaves {
		b, err := m.nodes.Node(ctx, name)
		if bytes += len(b); err != nil || bytes > ringnet.NodeBytesMax {
			break // what lacks is asked for on its own
		}
		list.Nodes = append(list.Nodes, b)
	}
	return list, nil
}

// versionBytesMax leaves room for the last version in an answer.
const versionBytesMax = ringnet.AnswerBytesMax - wire.BatchBytesMax - 128<<10

func (m *member) versions(_ context.Context, _ wire.PeerID, q ringnet.Versions) (list ringnet.VersionList, err error) {
	bytes := 0
	for v := q.From; v < q.From+wire.Version(min(q.Count, ringnet.VersionsMax)) && bytes < versionBytesMax; v++ {
		c, batch, err := m.rings.Version(q.Object, v)
		if errors.Is(err, runner.ErrUnknownObject) && len(list.Versions) > 0 {
			break
		}
		if err != nil {
			return list, memberError("read versions", q.Object, err)
		}
		data := ringnet.VersionData{Certificate: c}
		if q.Batches {
			data.Batch = &batch
			for _, u := range batch.Updates {
				bytes += len(u)
			}
		}
		bytes += bft.CertificateBytesMax
		list.Versions = append(list.Versions, data)
	}
	return list, nil
}

// archive brings an object's tree to other peers.
func (m *member) archive(ctx context.Context, _ wire.PeerID, q ringnet.Archive) (ringnet.Record, error) {
	head, here, err := m.rings.Head(q.Object)
	switch {
	case err != nil:
		return ringnet.Record{}, err
	case !here:
		return ringnet.Record{}, memberError("archive", q.Object, fmt.Errorf("object %v: %w", q.Object, runner.ErrUnknownObject))
	case q.Version > 0 && (head.Commit == nil || head.Commit.Decision.Version < q.Version):
		return ringnet.Record{}, errs.Newf("archive", q.Object.String(), errs.TooFew, "this member has not got version %d yet", q.Version)
	}
	if err := m.ring.archiveHere(ctx, q.Object); err != nil {
		return ringnet.Record{}, err
	}
	value, err := m.ring.record(q.Object)
	return ringnet.Record{Bytes: value}, err
}

// relay takes a head that somebody has seen elsewhere, and has this peer's
// member catch up with it.
func (m *member) relay(_ context.Context, _ wire.PeerID, q ringnet.Relay) (ringnet.Done, error) {
	head, verified, err := verifyHead(q.Object, q.Head)
	if err != nil {
		return ringnet.Done{}, errs.New("relay head", q.Object.String(), errs.Usage, err)
	}
	m.ring.catchUp(q.Object, head, verified)
	return ringnet.Done{}, nil
}
