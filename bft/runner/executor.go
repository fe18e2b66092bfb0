package runner

import (
	"context"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// Executor computes the states that rings decide on. Executions are pure: the
// same parent, environment and updates give the same result on every member,
// whenever and how often it is asked. An error means that the executor itself
// failed, its disk for instance; a bad update is an outcome. Calls for several
// objects come at the same time, for one object one after another.
type Executor interface {
	// Genesis computes version 0 of an object.
	Genesis(ctx context.Context, g bft.Genesis) (Execution, error)
	// Execute computes the version after parent.
	Execute(ctx context.Context, object wire.ObjectID, parent State, env Env, updates [][]byte) (Execution, error)
}

// State is a committed version, all of which has been written by Finish.
type State struct {
	Version wire.Version
	Root    wire.NodeHash
}

// Env is what an execution may depend on beside the state.
type Env struct {
	Version       wire.Version   // the one to be made
	TimeUnixMilli int64          // never before that of the parent
	Ring          bft.RingCert   // that orders it
	Previous      wire.VersionID // the decision before; zero for version 1
}

// Execution is the result of executing a batch.
type Execution struct {
	Root     wire.NodeHash
	Outcomes [][]byte // one for each update, at most bft.OutcomeBytesMax bytes each
	// NextRing orders from the next version on; nil: the same ring. The update
	// that makes it is the last: those after it have no outcome and are ordered
	// by the next ring.
	NextRing *bft.RingCert
	// Finish writes what the new state needs, in the transaction that makes the
	// version certified. It is called once or, if the version is not decided,
	// never. nil: there is nothing to write.
	Finish func(kv.Writer) error
}

// Transport carries messages to the other members. Send must not block: it may
// drop what finds no room, since replicas say again what matters. Messages from
// peers go to Host.Deliver.
type Transport interface {
	Send(peer wire.PeerID, message []byte)
}
