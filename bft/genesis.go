package bft

import (
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

// Limits of a genesis.
const (
	// LabelBytesMax is the most bytes of a label.
	LabelBytesMax = 255
	// PolicyBytesMax is the most bytes of the encoded policy.
	PolicyBytesMax = 1 << 10
	// GenesisBytesMax is the most bytes of an encoded genesis.
	GenesisBytesMax = 4 << 10
)

const genesisFormat = 1

// Statements about a genesis, both over the object's name.
const (
	TagGenesis wire.Tag = "atoll/v1/genesis" // the owner: this object is mine
	TagAccept  wire.Tag = "atoll/v1/accept"  // a member: I serve in its first ring with the key that is named there
)

// ErrGenesis is returned for a genesis that is malformed, unsigned or of
// another object.
var ErrGenesis = errors.New("bad genesis")

// GenesisBody is what an object's name is the hash of. Signatures are not part
// of it, so they can be made once the name is known.
type GenesisBody struct {
	_       struct{} `cbor:",toarray"`
	Format  uint64   // 1
	Owner   wire.PublicKey
	Label   string   // for people; UTF-8, at most LabelBytesMax bytes
	Salt    [16]byte // random, so that two objects alike have two names
	Policy  []byte   // opaque here, at most PolicyBytesMax bytes
	Members []Member // of the ring of epoch 1
}

// NewGenesisBody returns a body in the current format.
func NewGenesisBody(owner wire.PublicKey, label string, salt [16]byte, policy []byte, members []Member) GenesisBody {
	return GenesisBody{Format: genesisFormat, Owner: owner, Label: label, Salt: salt, Policy: policy, Members: members}
}

// ObjectID returns the name of the object.
func (b GenesisBody) ObjectID() wire.ObjectID {
	return wire.ObjectID(wire.Derive(wire.ContextObject, wire.Marshal(b)))
}

// Ring returns the ring certificate of epoch 1.
func (b GenesisBody) Ring() RingCert {
	return RingCert{Object: b.ObjectID(), Epoch: 1, Members: b.Members}
}

// Accept signs, as the member's peer, that it serves in the first ring of the
// object.
func Accept(peer wire.Signer, object wire.ObjectID) wire.Signature {
	return peer.Sign(TagAccept, object[:])
}

// Genesis is a body with the signatures that make it an object: the owner's,
// and each member's by its peer key, in the order of the members.
type Genesis struct {
	_           struct{} `cbor:",toarray"`
	Body        GenesisBody
	Owner       wire.Signature
	Acceptances []wire.Signature
}

// NewGenesis signs a body as its owner. Acceptances are what Accept returned
// for each member.
func NewGenesis(owner wire.Signer, body GenesisBody, acceptances []wire.Signature) Genesis {
	id := body.ObjectID()
	return Genesis{Body: body, Owner: owner.Sign(TagGenesis, id[:]), Acceptances: acceptances}
}

// Encode returns the canonical encoding.
func (g Genesis) Encode() []byte { return wire.Marshal(g) }

// ParseGenesis parses what Encode writes. It does not check signatures: Verify
// does. The error matches ErrGenesis.
func ParseGenesis(b []byte) (Genesis, error) {
	var g Genesis
	if err := wire.Unmarshal(b, &g, GenesisBytesMax); err != nil {
		return Genesis{}, fmt.Errorf("%w: %v", ErrGenesis, err)
	}
	return g, g.check()
}

func (g Genesis) check() error {
	b := g.Body
	switch {
	case b.Format != genesisFormat:
		return fmt.Errorf("%w: format %d, this release reads %d", ErrGenesis, b.Format, genesisFormat)
	case b.Owner.IsZero():
		return fmt.Errorf("%w: no owner", ErrGenesis)
	case len(b.Label) > LabelBytesMax:
		return fmt.Errorf("%w: label of %d bytes, limit %d", ErrGenesis, len(b.Label), LabelBytesMax)
	case len(b.Policy) > PolicyBytesMax:
		return fmt.Errorf("%w: policy of %d bytes, limit %d", ErrGenesis, len(b.Policy), PolicyBytesMax)
	case len(g.Acceptances) != len(b.Members):
		return fmt.Errorf("%w: %d members and %d acceptances", ErrGenesis, len(b.Members), len(g.Acceptances))
	}
	if err := checkMembers(b.Members); err != nil {
		return fmt.Errorf("%w: %w", ErrGenesis, err)
	}
	return nil
}

// Verify checks every bound and signature and returns the object's name. The
// error matches ErrGenesis.
func (g Genesis) Verify() (wire.ObjectID, error) { return g.verify(Ed25519) }

func (g Genesis) verify(verify Verifier) (wire.ObjectID, error) {
	if err := g.check(); err != nil {
		return wire.ObjectID{}, err
	}
	id := g.Body.ObjectID()
	if err := verify(g.Body.Owner, TagGenesis, id[:], g.Owner); err != nil {
		return wire.ObjectID{}, fmt.Errorf("%w: owner: %w", ErrGenesis, err)
	}
	for i, m := range g.Body.Members {
		if err := verify(m.Peer.Key(), TagAccept, id[:], g.Acceptances[i]); err != nil {
			return wire.ObjectID{}, fmt.Errorf("%w: acceptance of member %d: %w", ErrGenesis, i, err)
		}
	}
	return id, nil
}
