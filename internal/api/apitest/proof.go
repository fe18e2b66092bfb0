package apitest

import (
	"context"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/wire"
)

// Prove implements api.Backend: the proof is real, of an object that the fake
// has made for it, whose name is not the volume's.
func (f *Fake) Prove(_ context.Context, r api.ProofRequest) (api.Proof, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	p, err := f.resolve(r.Ref)
	if err != nil {
		return api.Proof{}, err
	}
	owner, peer, member := wire.NewKey([32]byte{1}), wire.NewKey([32]byte{2}), wire.NewKey([32]byte{3})
	body := bft.NewGenesisBody(owner.Public(), p.volume.object, [16]byte{}, nil,
		[]bft.Member{{Peer: wire.PeerID(peer.Public()), Key: member.Public()}})
	object := body.ObjectID()
	head := bft.NewHead(bft.NewGenesis(owner, body, []wire.Signature{bft.Accept(peer, object)}), nil)
	record, err := head.Encode()
	return api.Proof{Object: object.String(), Record: record}, err
}
