package update

import (
	"context"
	"fmt"
	"sync"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/tree"
)

// DeletedText is what users are told of an object that is deleted.
const DeletedText = "deleted by its owner"

// tombstone is the state of every deleted object: one empty entry. It is the
// same for all, so that whoever has a head sees from the root alone that there
// is nothing to look for.
var tombstone = sync.OnceValue(func() Result {
	e := tree.Load(nil, wire.NodeHash{}).Edit(0)
	if err := e.Set([]byte{kindDeleted}, nil); err != nil {
		panic(err) // our own entry is within the limits
	}
	root, nodes, err := e.Commit(context.Background())
	if err != nil {
		panic(err) // nothing is read, as the base is empty
	}
	return Result{Root: root, Nodes: nodes}
})

// IsDeleted reports whether the root of a certified state says that the object
// is deleted.
func IsDeleted(root wire.NodeHash) bool { return root == tombstone().Root }

// deleted returns the version in which an object was deleted, and any after it.
func deleted(outcomes []Outcome) Result {
	r := tombstone()
	r.Outcomes = outcomes
	return r
}

// refusedAll are the outcomes of updates that come after the deletion.
func refusedAll(env Env, n int) []Outcome {
	outcomes := make([]Outcome, n)
	for i := range outcomes {
		outcomes[i] = refused(ReasonDeleted)
		outcomes[i].Version = env.Version
	}
	return outcomes
}

// isDeletion reports whether an update does nothing but delete its object.
func (u *Update) isDeletion() bool {
	return len(u.Clauses) == 1 && len(u.Extents) == 0 && len(u.Clauses[0].Predicates) == 0 &&
		len(u.Clauses[0].Actions) == 1 && u.Clauses[0].Actions[0].Kind == actDeleteObject
}

var errNoDeletion = fmt.Errorf("%w: it does not delete the object, or is another's", ErrUpdate)

// VerifyDeletion checks that b is an update by which a key deletes an object.
// The error matches ErrUpdate, or wire.ErrSignature.
func VerifyDeletion(b []byte, object wire.ObjectID, owner wire.PublicKey) error {
	s, err := Parse(b)
	switch {
	case err != nil:
		return err
	case s.Object != object || s.Author != owner || !s.isDeletion():
		return errNoDeletion
	}
	return s.Verify()
}
