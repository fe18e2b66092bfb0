package objects

import (
	"encoding/binary"
	"io"

	"github.com/atollnet/atoll/internal/wire"
)

// nodeIDs names the nodes that one change of a volume makes, one after another
// below a prefix of its own: 8 random bytes and a number. The keys of a state are
// sorted by these names. What is made together stands together there, so that a
// tree of ten thousand files is a run of new leaves, and not ten thousand changed
// ones; and what is read together is found together. It tells the ring's members,
// and whoever has references to several nodes, which were made at the same time,
// nothing more. It is for one goroutine.
type nodeIDs struct {
	random io.Reader
	last   wire.NodeID
}

// nodePrefixBytes is how much of a name is random: two changes of one volume get
// the same prefix with probability 2⁻⁶⁴.
const nodePrefixBytes = 8

func (n *nodeIDs) next() (id wire.NodeID, err error) {
	if n.last.IsZero() {
		if _, err := io.ReadFull(n.random, n.last[:nodePrefixBytes]); err != nil {
			return id, err
		}
	}
	count := n.last[nodePrefixBytes:]
	binary.BigEndian.PutUint64(count, binary.BigEndian.Uint64(count)+1)
	return n.last, nil
}
