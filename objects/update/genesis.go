package update

import (
	"context"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/tree"
)

// Genesis returns the state of version 0, before any update: the owner's
// rights, the policy and the first ring. It depends on nothing else, so whoever
// has the genesis of an object can compute it. The policy must be a valid one.
func Genesis(owner wire.PublicKey, policy Policy, ring wire.RingCertID) (wire.NodeHash, []tree.Node) {
	e := tree.Load(nil, wire.NodeHash{}).Edit(0)
	entries := []struct{ key, value []byte }{
		{WriterKey(owner), Writer{Rights: RightOwner | RightWrite, By: owner}.Encode()},
		{PolicyKey(), policy.Encode()},
		{EpochKey(1), RingEntry{Certificate: ring}.Encode()},
	}
	for _, entry := range entries {
		if err := e.Set(entry.key, entry.value); err != nil {
			panic(err) // our own entries are within the limits
		}
	}
	root, nodes, err := e.Commit(context.Background())
	if err != nil {
		panic(err) // nothing is read, as the base is empty
	}
	return root, nodes
}
