package api

import "context"

// NinesMax is the most nines of durability that may be asked for.
const NinesMax = 30

// Custody is the part of a Backend about how long data lives.
type Custody interface {
	// Plan explains how extents are coded for a durability, with the peers that
	// are known.
	Plan(ctx context.Context, r PlanRequest) (Plan, error)
	// Prune forgets the versions of a volume that are not kept, then collects.
	// Only its owner may: errs.Refused.
	Prune(ctx context.Context, r PruneRequest) (Pruned, error)
	// Retain gives a volume rules of retention. Only its owner may, on a peer that
	// has it in its keyring: errs.Refused.
	Retain(ctx context.Context, r RetainRequest) (Retained, error)
	// Collect releases what no retained version of a volume refers to, and has
	// its holders free it. Only its owner may: errs.Refused.
	Collect(ctx context.Context, r CollectRequest) (Collected, error)
	// DeleteVolume deletes a volume, all versions of it, for good, has its holders
	// free it, and forgets its petname. Only its owner may: errs.Refused.
	DeleteVolume(ctx context.Context, r DeleteVolumeRequest) (DeletedVolume, error)
	// Quota says what is stored on this peer, and whose it is.
	Quota(ctx context.Context) (Quota, error)
}

// Retention says which versions of a volume stay readable: the last ones, and of
// each of so many hours, days, weeks, months and years (UTC) that have versions
// the newest; all that are not older than a time, from the newest back. The
// newest always stays. The rules add up.
type Retention struct {
	Last          int   `json:"last,omitempty"`
	Hourly        int   `json:"hourly,omitempty"`
	Daily         int   `json:"daily,omitempty"`
	Weekly        int   `json:"weekly,omitempty"`
	Monthly       int   `json:"monthly,omitempty"`
	Yearly        int   `json:"yearly,omitempty"`
	WithinSeconds int64 `json:"within_seconds,omitempty"`
}

// PruneRequest says what is to stay. Nothing said is errs.Usage.
type PruneRequest struct {
	Ref string `json:"ref"` // anything in the volume
	Retention
	Dry bool `json:"dry,omitempty"` // only say what would be done
}

// RetainRequest gives a volume rules that its owner's peer prunes it by, once a
// day, from now on. Nothing said takes them back: all versions stay.
type RetainRequest struct {
	Ref string `json:"ref"` // anything in the volume
	Retention
	Dry bool `json:"dry,omitempty"` // only say what would be done
}

// Retained is what came of it.
type Retained struct {
	Petname   string `json:"petname"`
	Object    string `json:"object"`
	Kept      int    `json:"kept"`      // versions, by the rules
	Forgotten int    `json:"forgotten"` // versions that are about to be
}

// Pruned is what became of it.
type Pruned struct {
	Object    string    `json:"object"`
	Kept      int       `json:"kept"`      // versions
	Forgotten int       `json:"forgotten"` // versions
	Version   uint64    `json:"version"`   // in which that was ordered; 0: there was nothing to forget
	Collected Collected `json:"collected"`
}

// CollectRequest asks to free what a volume does not need.
type CollectRequest struct {
	Ref string `json:"ref"` // anything in the volume
}

// Collected is what became of it. Holders free the bytes within some minutes;
// those that could not be told do so when their leases run out.
type Collected struct {
	Object     string `json:"object"`
	Extents    int    `json:"extents"`        // released
	Version    uint64 `json:"version"`        // in which; 0: none was
	FreedBytes uint64 `json:"freed_bytes"`    // by the holders that were told
	Holders    int    `json:"holders"`        // that have shares of them
	Silent     int    `json:"silent_holders"` // of these, not told
}

// DeleteVolumeRequest asks to delete a volume.
type DeleteVolumeRequest struct {
	Ref string `json:"ref"` // of its root; a path, or a version, is errs.Usage
}

// DeletedVolume is what became of it. Holders that were told free the bytes
// within some minutes; the peers that ordered the volume tell the others when
// they answer, and they find it out when their leases run out.
type DeletedVolume struct {
	Object     string   `json:"object"`
	Petnames   []string `json:"petnames"` // that are forgotten here
	Version    uint64   `json:"version"`  // in which that was ordered; 0: it was deleted before
	FreedBytes uint64   `json:"freed_bytes"`
	Holders    int      `json:"holders"`        // that took shares when they were stored
	Silent     int      `json:"silent_holders"` // of these, not told yet
}

// Quota is what is stored on a peer.
type Quota struct {
	StoredBytes uint64    `json:"stored_bytes"` // shares, with 4 KiB more for each
	DiskBytes   uint64    `json:"disk_bytes"`   // what the local store takes of the disk: shares, records, the peer's own trees
	QuotaBytes  uint64    `json:"quota_bytes"`
	FreeBytes   uint64    `json:"free_bytes"` // what the quota leaves
	Shares      int       `json:"shares"`
	Damaged     int       `json:"damaged"` // found damaged on this disk, and not served
	Authors     []Account `json:"authors"` // those with most, at most 100
	Objects     []Account `json:"objects"`
}

// Account is what leases come to.
type Account struct {
	Name   string `json:"name"` // of the author or object
	Bytes  uint64 `json:"bytes"`
	Leases int    `json:"leases"`
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
