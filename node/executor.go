package node

import (
	"context"
	"errors"
	"slices"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/bft/runner"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/archive"
	"github.com/atollnet/atoll/objects/store"
	"github.com/atollnet/atoll/objects/tree"
	"github.com/atollnet/atoll/objects/update"
)

// executorNodesMax is how many tree nodes are kept parsed, of all objects that
// this peer orders.
const executorNodesMax = 1024

// executor makes versions for the rings on this peer: package update says what
// they are, this says where their nodes go.
type executor struct {
	nodes   *store.Nodes
	cache   *tree.Cache // of what the last versions were made of
	checked *checked    // updates that were looked at when they came
	// source reads what an object's state needs: a member that joined later has
	// not got the nodes of all earlier versions.
	source func(wire.ObjectID) tree.Source
}

// Genesis computes version 0.
func (e executor) Genesis(_ context.Context, g bft.Genesis) (runner.Execution, error) {
	policy, err := update.ParsePolicy(g.Body.Policy)
	if err != nil {
		return runner.Execution{}, err
	}
	object := g.Body.ObjectID()
	root, nodes := update.Genesis(g.Body.Owner, policy, g.Body.Ring().ID())
	return runner.Execution{Root: root, Finish: e.keep(object, 0, nodes)}, nil
}

// Execute applies a batch of updates.
func (e executor) Execute(ctx context.Context, object wire.ObjectID, parent runner.State, env runner.Env, updates [][]byte) (runner.Execution, error) {
	signed := make([]*update.Signed, len(updates))
	for i, b := range updates {
		s, err := e.parse(b)
		if err != nil && !errors.Is(err, update.ErrUpdate) {
			return runner.Execution{}, err
		}
		signed[i] = s // nil for bytes that are no update: Apply refuses them
	}
	update.VerifyAll(signed)
	result, err := update.Apply(ctx, e.cache.Load(e.source(object), parent.Root), update.Env{
		Object: object, Version: env.Version, TimeUnixMilli: env.TimeUnixMilli, Ring: env.Ring, Previous: env.Previous,
	}, signed)
	if err != nil {
		return runner.Execution{}, err
	}
	x := runner.Execution{Root: result.Root, NextRing: result.NextRing, Finish: e.keep(object, env.Version, result.Nodes)}
	if update.IsDeleted(result.Root) {
		x.Finish = e.end(object, parent, updates, result)
	}
	for _, o := range result.Outcomes {
		x.Outcomes = append(x.Outcomes, o.Encode())
	}
	return x, nil
}

// parse returns an update, with what is known of it.
func (e executor) parse(b []byte) (*update.Signed, error) {
	if u := e.checked.find(b); u != nil {
		return u, nil
	}
	return update.Parse(b)
}

// keep stores the nodes of a version together with the certificate that names
// it, and notes that they are not archived yet.
func (e executor) keep(object wire.ObjectID, v wire.Version, nodes []tree.Node) func(kv.Writer) error {
	return func(w kv.Writer) error {
		if err := e.nodes.Write(w, nodes); err != nil {
			return err
		}
		return archive.Note(w, object, v, nodes)
	}
}

// end stores, in the place of nodes, what is kept of an object that is deleted.
func (e executor) end(object wire.ObjectID, parent runner.State, updates [][]byte, r update.Result) func(kv.Writer) error {
	if update.IsDeleted(parent.Root) {
		return nil
	}
	for i, o := range slices.Backward(r.Outcomes) {
		if o.Status == update.Applied { // what comes after it is refused
			return func(w kv.Writer) error {
				return archive.NoteDeleted(w, object, archive.Deleted{Word: updates[i], Last: parent.Root})
			}
		}
	}
	panic("an object is deleted by no update") // Apply says otherwise
}
