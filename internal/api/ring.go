package api

import "time"

// RingRequest asks who orders an object.
type RingRequest struct {
	Ref string `json:"ref"`
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
}

// RingMember is one of them.
type RingMember struct {
	Peer    string `json:"peer"`
	State   string `json:"state"`
	Version uint64 `json:"version"` // the newest that it has
	RTT     int64  `json:"rtt_us"`  // of the question; 0: none was answered
}
