package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/p2p"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects"
	"github.com/atollnet/atoll/objects/archive"
	"github.com/atollnet/atoll/objects/custody/keeper"
	"github.com/atollnet/atoll/objects/extent"
	"github.com/atollnet/atoll/objects/transfer"
)

// keepLimits bound the orders of custodians. A lease is renewed, or a share
// brought, with a stream each.
var keepLimits = p2p.Limits{PerPeer: p2p.Rate{PerSecond: 100, Burst: 500}, PerGroup: p2p.Rate{PerSecond: 500, Burst: 2000},
	OpenPerPeer: transfer.PutStreamsPerPeerMax, OpenTotal: transfer.PutStreamsMax}

// openCustody makes this peer a custodian of what it orders, and of its user's
// volumes. It reads with streams of its own, which users' do not wait for.
func (n *Node) openCustody() {
	quiet := network{n.host, n.census.Lost}
	n.auditing = transfer.NewFetcher(transfer.FetcherConfig{Network: quiet, Locate: n.locate, Distance: n.distance, AheadBytesMax: custodyAheadBytesMax})
	n.keeper = keeper.New(keeper.Config{
		Self: n.host.Self(), Objects: custodied{n}, Peers: n, Fetcher: n.auditing, Orders: custodian{n, quiet},
		Store: n.store, Threshold: n.gateway.Threshold, Busy: n.traffic.isBusy, Random: rand.Reader,
		DeadAfter: n.config.Custody.DeadAfter, AuditEvery: n.config.Custody.AuditEvery,
		BytesPerSecond: n.config.Custody.BytesPerSecond, Log: n.log,
	})
}

// custodyAheadBytesMax bounds what repairs fetch ahead.
const custodyAheadBytesMax = 16 << 20

// Answers reports whether a peer is known to live.
func (n *Node) Answers(p wire.PeerID) bool {
	i, known := n.census.Lookup(p)
	return p == n.host.Self() || known && !i.Suspect
}

// custodied is what this peer has custody of: the objects of whose rings it is
// a member, and its user's own, for the day on which no member answers.
type custodied struct{ *Node }

// Objects implements keeper.Objects.
func (c custodied) Objects() ([]wire.ObjectID, error) {
	ids, err := c.rings.Objects()
	if err != nil {
		return nil, err
	}
	seen := make(map[wire.ObjectID]bool, len(ids))
	for _, id := range ids {
		seen[id] = true
	}
	for _, v := range c.volumes.list() {
		if !seen[v.Object] { // State tells those of others, which are here under a petname, apart
			ids = append(ids, v.Object)
		}
	}
	return ids, nil
}

// Changed implements keeper.Objects.
func (c custodied) Changed() (objects []wire.ObjectID) {
	for object := range c.changed.take(changedPerTick) {
		objects = append(objects, object)
	}
	return objects
}

// changedPerTick bounds the objects that custody looks at again at a time: of
// thousands that are written at once, each is looked at now and then.
const changedPerTick = 128

// State implements keeper.Objects. A member looks at its own log; who is none,
// at what it has seen last, so that an idle object costs no traffic.
func (c custodied) State(ctx context.Context, object wire.ObjectID) (keeper.State, error) {
	k, here, err := c.ring.local(object)
	if err != nil || !here {
		k, err = c.ring.find(ctx, object)
	}
	if err != nil {
		return keeper.State{}, err
	}
	owner := k.head.Genesis.Body.Owner == c.volumes.author().Public()
	if k.verified.Ring.Index(c.host.Self()) < 0 && !owner {
		return keeper.State{}, keeper.ErrNotKept
	}
	if isDeleted(k.head) {
		return c.deleted(object, k)
	}
	head := k.export()
	if hint, err := c.ring.archiver.Hint(object); err == nil && hint.Version >= head.Hint.Version {
		head.Hint = hint
	}
	proof, err := bareHead(k)
	if err != nil {
		return keeper.State{}, err
	}
	return keeper.State{
		Mark: markOf(head.Root, head.Hint), Proof: proof, Extents: c.extents(object, head),
		Custodians: bft.Peers(k.verified.Ring.Members),
	}, nil
}

func markOf(root wire.NodeHash, hint archive.Hint) string {
	mark := root.String()
	for _, x := range hint.Extents {
		mark += string(x.ID[:8])
	}
	return mark
}

// deleted is what is left to do for a deleted object: its holders are to be told,
// by those who have the owner's word.
func (c custodied) deleted(object wire.ObjectID, k known) (keeper.State, error) {
	d, found, err := c.ring.archiver.Deleted(object)
	if err != nil {
		return keeper.State{}, err
	}
	proof, proofErr := bareHead(k)
	hint, hintErr := c.ring.archiver.Hint(object)
	if err := errors.Join(proofErr, hintErr); err != nil {
		return keeper.State{}, err
	}
	if !found {
		return keeper.State{}, keeper.ErrNotKept
	}
	return keeper.State{
		Deleted: &transfer.Deletion{Object: object, Word: d.Word, Proof: proof},
		Extents: c.extents(object, objects.Head{Root: d.Last, Hint: hint}),
	}, nil
}

// extents lists what a state refers to.
func (c custodied) extents(object wire.ObjectID, head objects.Head) func(context.Context, func(keeper.Extent) error) error {
	return func(ctx context.Context, fn func(keeper.Extent) error) error {
		return c.gateway.ExtentsAt(ctx, object, head, func(source transfer.Source, k, n int) error {
			return fn(keeper.Extent{Source: source, K: k, N: n})
		})
	}
}

// bareHead returns the head record that is known, without its hint.
func bareHead(k known) ([]byte, error) {
	bare := k.head
	bare.Hint = nil
	return bare.Encode()
}

// custodian gives orders under the key that holders accept for an object: this
// peer's as a member of its ring, else the user's as its owner.
type custodian struct {
	n       *Node
	network transfer.Network
}

func (c custodian) of(object wire.ObjectID) transfer.Custodian {
	key := wire.Signer(c.n.peerKey)
	if k, have := c.n.ring.heads.find(object); have && k.verified.Ring.Index(c.n.host.Self()) < 0 {
		key = c.n.volumes.author()
	}
	return transfer.Custodian{Network: c.network, Key: key}
}

// Renew implements keeper.Orders.
func (c custodian) Renew(ctx context.Context, object wire.ObjectID, holder wire.PeerID, m *extent.Manifest, share int, leaseSeconds uint64, proof []byte) (extent.SignedReceipt, error) {
	return c.of(object).Renew(ctx, object, holder, m, share, leaseSeconds, proof)
}

// Bring implements keeper.Orders.
func (c custodian) Bring(ctx context.Context, object wire.ObjectID, holder wire.PeerID, m *extent.Manifest, share int, data []byte, leaseSeconds uint64, proof []byte) (extent.SignedReceipt, error) {
	return c.of(object).Bring(ctx, object, holder, m, share, data, leaseSeconds, proof)
}

// TellDeleted implements keeper.Orders.
func (c custodian) TellDeleted(ctx context.Context, holder wire.PeerID, d transfer.Deletion) (bytes uint64, err error) {
	return transfer.Custodian{Network: c.network}.TellDeleted(ctx, holder, d)
}

// obedience is what this peer, as a holder, does for custodians.
type obedience struct {
	holder
	proofs *proofs
}

// Custodian returns an error unless the head record shows that the key is that
// of a member of the object's ring, or its owner's.
func (o obedience) Custodian(object wire.ObjectID, key wire.PublicKey, proof []byte) error {
	return o.proofs.check(object, key, proof, false)
}

// proofsMax bounds the head records whose check is remembered.
const proofsMax = 1024

var errNoCustodian = errors.New("neither a member of the object's ring nor its owner")

// proofs remembers who the custodians of objects are, by head record: checking
// one costs some signatures, and a repair shows the same to a holder many times.
type proofs struct {
	mu   sync.Mutex
	keys map[wire.Hash][]wire.PublicKey // the owner's first
}

func (p *proofs) check(object wire.ObjectID, key wire.PublicKey, proof []byte, ownerOnly bool) error {
	name := wire.Hash(wire.Sum(append(object[:], proof...)))
	p.mu.Lock()
	keys, known := p.keys[name]
	p.mu.Unlock()
	if !known {
		head, v, err := verifyHead(object, proof)
		if err != nil {
			return errs.New("check custodian", object.String(), errs.Refused, err)
		}
		keys = append(keys, head.Genesis.Body.Owner)
		for _, m := range v.Ring.Members {
			keys = append(keys, m.Peer.Key())
		}
		p.remember(name, keys)
	}
	for i, k := range keys {
		if k == key && (i == 0 || !ownerOnly) {
			return nil
		}
	}
	return errs.New("check custodian", object.String(), errs.Refused, fmt.Errorf("%w: %v", errNoCustodian, key))
}

// remember keeps a result; when there are too many, all earlier ones go.
func (p *proofs) remember(name wire.Hash, keys []wire.PublicKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.keys == nil || len(p.keys) >= proofsMax {
		p.keys = make(map[wire.Hash][]wire.PublicKey)
	}
	p.keys[name] = keys
}
