package archive

import (
	"errors"

	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/transfer"
	"github.com/atollnet/atoll/objects/tree"
)

// Keys in the local store, all of one object together:
//
//	a · object · p · version   hashes of the nodes that the version added, not yet archived
//	a · object · n · extent    hashes of the nodes in an archive extent
//	a · object · s             state
//	a · object · z             what is kept of a deleted object
const (
	keyPrefix    = 'a'
	pendingClass = 'p'
	nodesClass   = 'n'
	stateClass   = 's'
	deletedClass = 'z'

	recordBytesMax = 4 << 20 // our own records: a guard against damage, not a format's limit
)

func key(object wire.ObjectID, class byte, rest ...byte) []byte {
	k := append([]byte{keyPrefix}, object[:]...)
	return append(append(k, class), rest...)
}

// state is what this peer has archived of one object.
type state struct {
	_       struct{} `cbor:",toarray"`
	Version wire.Version
	Extents []archived // newest first
}

type archived struct {
	_       struct{} `cbor:",toarray"`
	ID      wire.ExtentID
	Bytes   uint64
	Holders []holding
}

type holding struct {
	_     struct{} `cbor:",toarray"`
	Peer  wire.PeerID
	Share uint8
}

func (a archived) source() transfer.Source {
	s := transfer.Source{Extent: a.ID}
	for _, h := range a.Holders {
		s.Holders = append(s.Holders, transfer.Holding{Peer: h.Peer, Share: int(h.Share)})
	}
	return s
}

func newArchived(s transfer.Source, bytes uint64) archived {
	a := archived{ID: s.Extent, Bytes: bytes}
	for _, h := range s.Holders {
		a.Holders = append(a.Holders, holding{Peer: h.Peer, Share: uint8(h.Share)})
	}
	return a
}

func (s state) hint() Hint {
	sources := make([]transfer.Source, len(s.Extents))
	for i, e := range s.Extents {
		sources[i] = e.source()
	}
	return NewHint(s.Version, sources)
}

// Note records, in the transaction that commits a version, which nodes it
// added: until they are archived they exist on ring members alone.
func Note(w kv.Writer, object wire.ObjectID, v wire.Version, nodes []tree.Node) error {
	hashes := make([]wire.NodeHash, len(nodes))
	for i, n := range nodes {
		hashes[i] = n.Hash
	}
	return w.Set(key(object, pendingClass, wire.Uint64(uint64(v))...), wire.Marshal(hashes))
}

func loadState(r kv.Reader, object wire.ObjectID) (s state, err error) {
	err = load(r, key(object, stateClass), &s)
	if errors.Is(err, kv.ErrNotFound) {
		return state{}, nil
	}
	return s, err
}

func load(r kv.Reader, k []byte, v any) error {
	return r.Get(k, func(b []byte) error { return wire.Unmarshal(b, v, recordBytesMax) })
}
