package ringnet

import (
	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
)

// The questions. Numbers are only ever appended.
const (
	KindReserve     Kind = iota + 1 // Reserve → Reserved
	KindAccept                      // Accept → Accepted
	KindFound                       // Found → Done
	KindSubmit                      // Submit → Ordered
	KindHead                        // OfObject → Record
	KindNodes                       // Nodes → NodeList
	KindVersions                    // Versions → VersionList
	KindArchive                     // Archive → Record
	KindRelay                       // Relay → Done
	KindChain                       // OfObject → Record
	KindReserveNext                 // ReserveNext → Reserved
	KindAcceptPlan                  // AcceptPlan → PlanAccepted
	KindAbsent                      // Absent → AbsenceSigned
	KindSucceed                     // Succeed → Done
	KindEndorse                     // Endorse → Done
	KindStatus                      // Status → StatusSigned
	KindEvidence                    // OfObject → EvidenceList
	KindWatch                       // Watch → News, again and again

	kindsMax = 64 // more than there are
)

// Reserve asks whether a peer would order an object, and for the key that it
// would vote with.
type Reserve struct {
	_     struct{}       `cbor:",toarray"`
	Owner wire.PublicKey // of the object to be
}

// Reserved is a key that the peer keeps for some minutes.
type Reserved struct {
	_   struct{} `cbor:",toarray"`
	Key wire.PublicKey
}

// Accept asks a peer to accept its place in a genesis, in which its reserved key
// stands.
type Accept struct {
	_    struct{} `cbor:",toarray"`
	Body bft.GenesisBody
}

// Accepted is the peer's signature, see bft.Accept.
type Accepted struct {
	_         struct{} `cbor:",toarray"`
	Signature wire.Signature
}

// Found asks a member to begin: the genesis is complete.
type Found struct {
	_       struct{} `cbor:",toarray"`
	Genesis bft.Genesis
}

// Done is an answer that says no more.
type Done struct {
	_ struct{} `cbor:",toarray"`
}

// Submit asks a member to have an update ordered.
type Submit struct {
	_      struct{} `cbor:",toarray"`
	Object wire.ObjectID
	Update []byte // at most wire.UpdateBytesMax bytes
}

// Ordered proves what became of an update.
type Ordered struct {
	_           struct{}        `cbor:",toarray"`
	Certificate bft.Certificate // of the version that holds it
	Outcome     []byte
	Proof       bft.OutcomeProof
}

// OfObject asks about an object.
type OfObject struct {
	_      struct{} `cbor:",toarray"`
	Object wire.ObjectID
}

// Record is an encoded head record.
type Record struct {
	_     struct{} `cbor:",toarray"`
	Bytes []byte
}

// NodeBytesMax is the most bytes of all nodes in one answer.
const NodeBytesMax = 256 << 10

// Nodes asks for a tree node of an object, and for the leaves right below it,
// which whoever wants it soon wants too.
type Nodes struct {
	_      struct{} `cbor:",toarray"`
	Object wire.ObjectID
	Name   wire.NodeHash
}

// NodeList is encoded nodes, the one that was asked for first, each proved by
// its hash.
type NodeList struct {
	_     struct{} `cbor:",toarray"`
	Nodes [][]byte
}

// VersionsMax is the most versions that one answer holds.
const VersionsMax = 64

// Versions asks for what was ordered: certificates, and batches if asked for.
type Versions struct {
	_       struct{} `cbor:",toarray"`
	Object  wire.ObjectID
	From    wire.Version // from 1
	Count   uint64       // at most VersionsMax; the answer may hold fewer
	Batches bool
}

// VersionList answers Versions, in ascending order without gaps from From on.
type VersionList struct {
	_        struct{} `cbor:",toarray"`
	Versions []VersionData
}

// VersionData is one version.
type VersionData struct {
	_           struct{} `cbor:",toarray"`
	Certificate bft.Certificate
	Batch       *bft.Batch // nil unless asked for
}

// Archive asks a member to archive an object's tree, at least up to a version,
// and to publish its head; the answer is the head record with its hint.
type Archive struct {
	_       struct{} `cbor:",toarray"`
	Object  wire.ObjectID
	Version wire.Version
}

// Relay shows a member that lags what has been certified without it.
type Relay struct {
	_      struct{} `cbor:",toarray"`
	Object wire.ObjectID
	Head   []byte // record
}

// ReserveNext asks a peer for the key that it would vote with in the next epoch
// of an object.
type ReserveNext struct {
	_      struct{} `cbor:",toarray"`
	Object wire.ObjectID
	Epoch  wire.Epoch
}

// AcceptPlan asks a peer to fetch the state that a head leads to, and to accept
// its place in the ring of a plan.
type AcceptPlan struct {
	_    struct{} `cbor:",toarray"`
	Plan bft.Plan
	Head []byte // record, with the chain up to the present ring
}

// PlanAccepted is the peer's word.
type PlanAccepted struct {
	_          struct{} `cbor:",toarray"`
	Acceptance bft.Acceptance
}

// Absent asks a member whether it finds another silent, too.
type Absent struct {
	_    struct{} `cbor:",toarray"`
	Plan bft.Plan
}

// AbsenceSigned is the member's word.
type AbsenceSigned struct {
	_       struct{} `cbor:",toarray"`
	Absence bft.Absence
}

// Succeed shows a peer the chain up to a ring that it is to join, or that it has
// to make way for.
type Succeed struct {
	_      struct{} `cbor:",toarray"`
	Object wire.ObjectID
	Head   []byte // record, with the chain up to that ring
}

// Endorse brings a member the owner's word that its ring is the present one.
type Endorse struct {
	_           struct{} `cbor:",toarray"`
	Object      wire.ObjectID
	Endorsement bft.Endorsement
}

// Status asks a member what is newest, see bft.Status.
type Status struct {
	_      struct{} `cbor:",toarray"`
	Object wire.ObjectID
	Nonce  bft.Nonce
}

// StatusSigned is the member's word.
type StatusSigned struct {
	_      struct{} `cbor:",toarray"`
	Status bft.Status
}

// EvidenceList is what a member has seen others lie about, as encoded
// bft.Evidence.
type EvidenceList struct {
	_        struct{} `cbor:",toarray"`
	Evidence [][]byte
}

// Watch asks a member to tell of every version that it commits after one.
type Watch struct {
	_      struct{} `cbor:",toarray"`
	Object wire.ObjectID
	After  wire.Version
}

// News is the newest version that a member has.
type News struct {
	_      struct{}         `cbor:",toarray"`
	Commit *bft.Certificate // nil: nothing new for a while, the member is still there
}
