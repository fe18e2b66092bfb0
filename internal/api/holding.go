package api

import (
	"context"
	"time"
)

// Holding is the part of a Backend about what a volunteer's peer holds for
// others.
type Holding interface {
	// CheckStore reads every share on this disk, and tells the custodians of
	// those that are damaged. Damage is no error: the report says so.
	CheckStore(ctx context.Context) (StoreReport, error)
	// Leave has others take over what this peer holds and orders, and takes
	// nothing new meanwhile, nor after it was all taken over. It returns when it
	// was, or when nothing more is going to be: the report says what is left. Ended
	// early, the peer goes on as before.
	Leave(ctx context.Context) (LeaveReport, error)
	// Deny has this peer drop, and neither take nor serve again, what its operator
	// does not want, and has others replace it in the object's ring.
	Deny(ctx context.Context, r DenyRequest) (Denied, error)
	// Allow takes a denial back; errs.NotFound if there is none. The reason does
	// not matter.
	Allow(ctx context.Context, r DenyRequest) (Denied, error)
	// Denials lists what is denied.
	Denials(ctx context.Context) ([]Denial, error)
}

// DenyRequest names what is denied: an object by its id or a reference into it,
// or an extent by its id.
type DenyRequest struct {
	What   string `json:"what"`
	Extent bool   `json:"extent,omitempty"` // What is an extent's id
	Reason string `json:"reason,omitempty"` // for the operator; at most 200 bytes
}

// Denied is what became of it.
type Denied struct {
	ID         string `json:"id"`
	Extent     bool   `json:"extent,omitempty"`
	Leases     int    `json:"leases"` // that ended
	FreedBytes int64  `json:"freed_bytes"`
	Member     bool   `json:"member,omitempty"` // this peer is in the object's ring still: nobody could replace it
}

// Denial is what an operator does not want.
type Denial struct {
	ID     string    `json:"id"`
	Extent bool      `json:"extent,omitempty"`
	Since  time.Time `json:"since"`
	Reason string    `json:"reason,omitempty"`
}

// StoreReport is the state of what a peer holds.
type StoreReport struct {
	Shares  int            `json:"shares"` // read
	Bytes   int64          `json:"bytes"`  // in them
	Damaged int            `json:"damaged"`
	Told    int            `json:"told"` // damaged shares of which a custodian has heard
	List    []DamagedShare `json:"list"` // of these, at most DamagedListMax
}

// DamagedListMax is the most damaged shares that a StoreReport names.
const DamagedListMax = 1000

// DamagedShare is a share that the disk did not keep. It is not served.
type DamagedShare struct {
	Extent string `json:"extent"`
	Share  int    `json:"share"`
	Error  string `json:"error"`
}

// LeaveReport is what became of what a peer held and ordered.
type LeaveReport struct {
	Shares      int   `json:"shares"` // that it held for objects that live
	Bytes       int64 `json:"bytes"`  // in them
	SharesLeft  int   `json:"shares_left"`
	ObjectsLeft int   `json:"objects_left"` // whose shares are among these
	Rings       int   `json:"rings"`        // that it was a member of
	RingsLeft   int   `json:"rings_left"`
}
