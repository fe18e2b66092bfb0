package bft

import (
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

// MessageBytesMax is the most bytes of an encoded message between members.
const MessageBytesMax = 512 << 10

const messageFormat = 1

// ErrMessage is returned for a message that is malformed or of a kind unknown
// here. What a message claims is judged by the replica that takes it.
var ErrMessage = errors.New("bad message")

// Message is what one member tells another about one object: a pointer to one
// of the types of this file. PROTOCOL.md says what each is for.
type Message interface{ kind() messageKind }

type messageKind uint8

const (
	kindRequest messageKind = iota + 1
	kindPrePrepare
	kindVote
	kindSuspect
	kindViewChange
	kindNewView
	kindProgress
	kindAnnounce
	kindFetch
	kindData
	kindReady
	kindEnd
)

// Request hands an update to a member.
type Request struct {
	_      struct{} `cbor:",toarray"`
	Update []byte
	// Again says that the update came to the sender after it had seen it
	// ordered: its user lost the answer. A copy of an ordered update without it
	// is late, and dropped.
	Again bool
}

// PrePrepare is the leader's proposal. Its signature is the leader's prepare
// vote; two different ones for one view prove that it lies.
type PrePrepare struct {
	_         struct{} `cbor:",toarray"`
	View      wire.View
	Proposal  Proposal
	Parent    *Certificate // of the version before; nil for version 1
	Signature wire.Signature
}

// Vote is one member's vote.
type Vote struct {
	_         struct{} `cbor:",toarray"`
	Kind      Kind
	Version   wire.Version // which the decision is about; tells early votes from late ones
	Ballot    Ballot
	Signature wire.Signature
}

// Suspect says that its sender has waited too long in a view. It binds its
// sender to nothing.
type Suspect struct {
	_    struct{} `cbor:",toarray"`
	View wire.View
}

// ViewChange is a member's word that it signs nothing more in views before
// View, and what it has signed so far.
type ViewChange struct {
	_         struct{} `cbor:",toarray"`
	Member    uint8
	View      wire.View
	Commit    *Certificate // the newest it knows; nil: the version that the epoch begins with
	Prepared  *Certificate // of the version after, from the highest view; nil: none
	Signature wire.Signature
}

// NewView is the leader's proof that 2f+1 members have come to a view, and what
// it may propose first.
type NewView struct {
	_       struct{} `cbor:",toarray"`
	View    wire.View
	Changes []ViewChange
}

// Progress says where its sender stands; the receiver answers with what the
// sender lacks.
type Progress struct {
	_       struct{} `cbor:",toarray"`
	Version wire.Version
	View    wire.View
}

// Announce shows the newest commit certificate to a member that lags.
type Announce struct {
	_      struct{} `cbor:",toarray"`
	Commit Certificate
}

// Ready answers a Progress while an epoch has decided nothing yet: its sender
// holds the version that it begins with.
type Ready struct {
	_       struct{} `cbor:",toarray"`
	Version wire.Version
}

// Fetch asks for the proposal of a version: the committed one, or, if Decision
// is not zero, that one.
type Fetch struct {
	_        struct{} `cbor:",toarray"`
	Version  wire.Version
	Decision wire.VersionID
}

// Data answers a Fetch.
type Data struct {
	_        struct{} `cbor:",toarray"`
	Proposal Proposal
	Commit   *Certificate // if it is committed
}

func (*Request) kind() messageKind    { return kindRequest }
func (*PrePrepare) kind() messageKind { return kindPrePrepare }
func (*Vote) kind() messageKind       { return kindVote }
func (*Suspect) kind() messageKind    { return kindSuspect }
func (*ViewChange) kind() messageKind { return kindViewChange }
func (*NewView) kind() messageKind    { return kindNewView }
func (*Progress) kind() messageKind   { return kindProgress }
func (*Announce) kind() messageKind   { return kindAnnounce }
func (*Fetch) kind() messageKind      { return kindFetch }
func (*Data) kind() messageKind       { return kindData }
func (*Ready) kind() messageKind      { return kindReady }

func newMessage(k messageKind) Message {
	switch k {
	case kindRequest:
		return new(Request)
	case kindPrePrepare:
		return new(PrePrepare)
	case kindVote:
		return new(Vote)
	case kindSuspect:
		return new(Suspect)
	case kindViewChange:
		return new(ViewChange)
	case kindNewView:
		return new(NewView)
	case kindProgress:
		return new(Progress)
	case kindAnnounce:
		return new(Announce)
	case kindFetch:
		return new(Fetch)
	case kindData:
		return new(Data)
	case kindReady:
		return new(Ready)
	}
	return nil
}

// envelope is a message on the wire.
type envelope struct {
	_      struct{} `cbor:",toarray"`
	Format uint64
	Object wire.ObjectID
	Epoch  wire.Epoch
	Kind   messageKind
	Body   []byte
}

// EncodeMessage returns a message about an object in an epoch.
func EncodeMessage(object wire.ObjectID, epoch wire.Epoch, m Message) []byte {
	return wire.Marshal(envelope{Format: messageFormat, Object: object, Epoch: epoch, Kind: m.kind(), Body: wire.Marshal(m)})
}

// ParseMessage parses what EncodeMessage writes and holds what can be judged
// alone against its limits. The error matches ErrMessage.
func ParseMessage(b []byte) (wire.ObjectID, wire.Epoch, Message, error) {
	var e envelope
	if err := wire.Unmarshal(b, &e, MessageBytesMax); err != nil {
		return wire.ObjectID{}, 0, nil, fmt.Errorf("%w: %v", ErrMessage, err)
	}
	if e.Format != messageFormat || e.Kind == 0 || e.Kind >= kindEnd {
		return wire.ObjectID{}, 0, nil, fmt.Errorf("%w: format %d, kind %d", ErrMessage, e.Format, e.Kind)
	}
	m := newMessage(e.Kind)
	if err := wire.Unmarshal(e.Body, m, MessageBytesMax); err != nil {
		return wire.ObjectID{}, 0, nil, fmt.Errorf("%w: %v", ErrMessage, err)
	}
	if err := checkMessage(m); err != nil {
		return wire.ObjectID{}, 0, nil, fmt.Errorf("%w: %w", ErrMessage, err)
	}
	return e.Object, e.Epoch, m, nil
}

func checkMessage(m Message) error {
	switch m := m.(type) {
	case *Request:
		if len(m.Update) > wire.UpdateBytesMax {
			return fmt.Errorf("update of %d bytes, limit %d", len(m.Update), wire.UpdateBytesMax)
		}
	case *PrePrepare:
		return m.Proposal.check()
	case *Data:
		return m.Proposal.check()
	case *Vote:
		if !m.Kind.valid() {
			return fmt.Errorf("vote of %v", m.Kind)
		}
	case *NewView:
		if len(m.Changes) > wire.RingMembersMax {
			return fmt.Errorf("%d view changes", len(m.Changes))
		}
	}
	return nil
}
