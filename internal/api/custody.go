package api

import "context"

// NinesMax is the most nines of durability that may be asked for.
const NinesMax = 30

// Custody is the part of a Backend about how long data lives.
type Custody interface {
	// Plan explains how extents are coded for a durability, with the peers that
	// are known.
	Plan(ctx context.Context, r PlanRequest) (Plan, error)
}

// PlanRequest asks what a durability takes.
type PlanRequest struct {
	Nines int `json:"nines,omitempty"` // 11 is a loss probability of 10^-11 per extent and year; 0: the default
}

// Plan is how extents are coded, what that achieves and what it costs. Rates are
// per extent and year, and assume that holders fail independently.
type Plan struct {
	K               int     `json:"k"`                 // any K of N shares restore an extent
	N               int     `json:"n"`                 //
	RepairAt        int     `json:"repair_at"`         // so many live shares, or fewer, are repaired
	Enough          int     `json:"enough"`            // shares that must be stored before a put counts
	SharesPerHolder int     `json:"shares_per_holder"` // with the peers at hand
	HoldersLost     int     `json:"holders_lost"`      // so many may be lost at once, whichever they are
	Wanted          float64 `json:"wanted_nines"`
	Nines           float64 `json:"nines"`          // reached
	Unavailable     float64 `json:"unavailable"`    // part of the time in which too many holders are down
	Stretch         float64 `json:"stretch"`        // bytes stored per byte
	RepairTraffic   float64 `json:"repair_traffic"` // bytes moved per byte of data in a year
	Peers           int     `json:"peers"`          // at hand, this one included
	Availability    float64 `json:"availability"`   // of a peer
	LifetimeDays    float64 `json:"lifetime_days"`  // of a peer
	RepairHours     float64 `json:"repair_hours"`   // from the loss that calls for a repair to its end
	Measured        bool    `json:"measured"`       // availability and lifetime were measured here, not assumed
}
