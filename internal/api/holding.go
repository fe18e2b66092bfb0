package api

import "context"

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
