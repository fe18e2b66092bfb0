// Package replay makes an object's history again from what its authors signed,
// version by version, and compares it with what the rings have certified. A
// certificate proves that a ring decided something; this proves that it decided
// what follows from the signed updates and nothing else. It must never take a
// state on a ring's word, and it stores nothing.
package replay

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/tree"
	"github.com/atollnet/atoll/objects/update"
)

// ErrHistory is returned for a version that does not follow from the genesis
// and the signed updates.
var ErrHistory = errors.New("the history does not follow from what was signed")

// ErrRing is returned for a version of a ring to which nothing leads: it may
// have been discarded by the owner, who replaced the ring, or the chain at hand
// begins later.
var ErrRing = errors.New("nothing leads to the ring of this version")

// cacheNodesMax is how many tree nodes are kept parsed.
const cacheNodesMax = 1024

// Replay is a history in the making. It is not safe for concurrent use.
type Replay struct {
	genesis bft.GenesisBody
	set     map[wire.RingCertID]bft.RingCert // rings that the owner has set in the place of lost ones
	ring    bft.RingCert                     // that certifies the next version
	version wire.Version
	id      wire.VersionID
	root    wire.NodeHash
	nodes   *nodes
	cache   *tree.Cache
	updates int
}

// New begins with the genesis of a head, which the caller has verified. Nodes
// that were made too long ago to be kept here are read from the source. Errors:
// those of package update for a bad policy.
func New(head bft.Head, source tree.Source) (*Replay, error) {
	body := head.Genesis.Body
	policy, err := update.ParsePolicy(body.Policy)
	if err != nil {
		return nil, err
	}
	r := &Replay{
		genesis: body, ring: body.Ring(), set: make(map[wire.RingCertID]bft.RingCert),
		nodes: newNodes(source), cache: tree.NewCache(cacheNodesMax),
	}
	for _, l := range head.Links {
		if l.Override != nil {
			r.set[l.Ring.ID()] = l.Ring
		}
	}
	var first []tree.Node
	r.root, first = update.Genesis(body.Owner, policy, r.ring.ID())
	r.nodes.add(first)
	return r, nil
}

// Version returns the version that has been reached, and its name; zero at the
// genesis.
func (r *Replay) Version() (wire.Version, wire.VersionID) { return r.version, r.id }

// Updates returns how many updates there were so far.
func (r *Replay) Updates() int { return r.updates }

// Next goes one version further. Errors: ErrHistory; ErrRing; those of the
// source.
func (r *Replay) Next(ctx context.Context, c bft.Certificate, b bft.Batch) error {
	ring, err := r.certifier(c.Decision)
	if err != nil {
		return err
	}
	d := c.Decision
	if d.Version != r.version+1 || d.Previous != r.id {
		return fmt.Errorf("%w: version %d does not follow from version %d", ErrHistory, d.Version, r.version)
	}
	if err := c.Verify(bft.Commit, ring); err != nil {
		return fmt.Errorf("%w: version %d: %w", ErrHistory, d.Version, err)
	}
	if err := b.Check(); err != nil || b.Digest() != d.Outcomes {
		return fmt.Errorf("%w: version %d has other updates or outcomes", ErrHistory, d.Version)
	}
	result, err := r.execute(ctx, ring, d, b)
	if err != nil {
		return err
	}
	if err := same(result, d, b); err != nil {
		return err
	}
	r.nodes.add(result.Nodes)
	r.version, r.id, r.root, r.ring = d.Version, d.ID(), d.State, ring
	if result.NextRing != nil {
		r.ring = *result.NextRing
	}
	r.updates += len(b.Updates)
	return nil
}

// certifier returns the ring that has to certify a decision.
func (r *Replay) certifier(d bft.Decision) (bft.RingCert, error) {
	if d.Ring == r.ring.ID() {
		return r.ring, nil
	}
	if ring, found := r.set[d.Ring]; found && ring.Epoch > r.ring.Epoch {
		return ring, nil
	}
	return bft.RingCert{}, fmt.Errorf("%w: version %d of epoch %d", ErrRing, d.Version, d.Epoch)
}

// execute applies the updates to the state that has been made here.
func (r *Replay) execute(ctx context.Context, ring bft.RingCert, d bft.Decision, b bft.Batch) (update.Result, error) {
	signed := make([]*update.Signed, len(b.Updates))
	for i, u := range b.Updates {
		s, err := update.Parse(u)
		if err != nil && !errors.Is(err, update.ErrUpdate) {
			return update.Result{}, err
		}
		signed[i] = s // nil for bytes that are no update: Apply refuses them
	}
	update.VerifyAll(signed)
	return update.Apply(ctx, r.cache.Load(r.nodes, r.root), update.Env{
		Object: d.Object, Version: d.Version, TimeUnixMilli: d.TimeUnixMilli, Ring: ring, Previous: r.id,
	}, signed)
}

// same compares what was made here with what was certified.
func same(made update.Result, d bft.Decision, b bft.Batch) error {
	var next wire.RingCertID
	if made.NextRing != nil {
		next = made.NextRing.ID()
	}
	switch {
	case made.Root != d.State:
		return fmt.Errorf("%w: the updates of version %d lead to another state", ErrHistory, d.Version)
	case next != d.NextRing:
		return fmt.Errorf("%w: the updates of version %d lead to another ring", ErrHistory, d.Version)
	case len(made.Outcomes) != len(b.Outcomes):
		return fmt.Errorf("%w: version %d has %d outcomes, not %d", ErrHistory, d.Version, len(b.Outcomes), len(made.Outcomes))
	}
	for i, o := range made.Outcomes {
		if !bytes.Equal(o.Encode(), b.Outcomes[i]) {
			return fmt.Errorf("%w: update %d of version %d came to something else", ErrHistory, i, d.Version)
		}
	}
	return nil
}
