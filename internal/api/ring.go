package api

import "time"

// RingRequest asks who orders an object.
type RingRequest struct {
	Ref string `json:"ref"`
}

// ReplaceRequest asks for another peer in the place of a member of a ring.
type ReplaceRequest struct {
	Ref  string `json:"ref"`
	Peer string `json:"peer"`
}

// RecoverRequest asks for a new ring in the place of one that has lost more
// members than it may. Only the owner can, and everybody sees that he did.
type RecoverRequest struct {
	Ref string `json:"ref"`
	// From is the version to go on from, as Recoverable gave it. That it is not
	// the newest any more is errs.Conflict.
	From uint64 `json:"from"`
}

// Recoverable is what is left of a ring that has lost more members than it may.
type Recoverable struct {
	Object    string    `json:"object"`
	From      uint64    `json:"from"` // the newest version that can be found: it would be gone on from
	Time      time.Time `json:"time"` // of that version; zero for version 0
	Members   int       `json:"members"`
	Answering int       `json:"answering"`
	Quorum    int       `json:"quorum"`
	// DiscardMax is how many versions after From may have been acknowledged and
	// would be lost for good; -1: any number, as too few members are left to tell.
	DiscardMax int `json:"discard_max"`
}

// States of a member of a ring.
const (
	MemberOK     = "ok"     // it has the newest version
	MemberBehind = "behind" // it answers with an older one
	MemberSilent = "silent" // it does not answer
	MemberLost   = "lost"   // it answers that it knows nothing of the object: its disk is gone
)

// Ring is who orders an object, and how they are.
type Ring struct {
	Object      string       `json:"object"`
	Epoch       uint64       `json:"epoch"`     // of the ring: it grows when members change
	View        uint64       `json:"view"`      // it grows when the leader changes
	Version     uint64       `json:"version"`   // of the newest certificate
	Time        time.Time    `json:"time"`      // of that version; zero for version 0
	Leader      string       `json:"leader"`    // of the view
	Quorum      int          `json:"quorum"`    // how many must answer for a change
	Answering   int          `json:"answering"` // how many do
	Wanted      int          `json:"wanted"`    // the size that the volume's policy asks for
	Overrides   uint64       `json:"overrides"` // how often the owner has replaced a ring that was lost
	Certificate string       `json:"certificate"`
	Members     []RingMember `json:"members"`
	Evidence    []string     `json:"evidence"` // of members that lied
	// Exhibit holds the proof of all that, to be checked offline: bft/FORMAT.md.
	Exhibit []byte `json:"exhibit,omitempty"`
}

// RingMember is one of them.
type RingMember struct {
	Peer    string `json:"peer"`
	State   string `json:"state"`
	Version uint64 `json:"version"` // the newest that it has
	RTT     int64  `json:"rtt_us"`  // of the question; 0: none was answered
}
