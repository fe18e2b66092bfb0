package api

import "time"

// Status is how a peer is.
type Status struct {
	Peer        string   `json:"peer"`
	Version     string   `json:"version"` // of peerd
	Addresses   []string `json:"addresses"`
	Peers       int      `json:"peers"`     // others that it knows
	Connected   int      `json:"connected"` // others that it is connected to
	DNS         string   `json:"dns"`       // host:port, "" while not serving
	DoT         string   `json:"dot"`
	DoH         string   `json:"doh"`
	DNSPin      string   `json:"dns_pin"`      // of the certificate of DoT and DoH: SHA-256 of its key, in base64
	StoredBytes uint64   `json:"stored_bytes"` // kept for others and for this user
	QuotaBytes  uint64   `json:"quota_bytes"`
	Volumes     []Volume `json:"volumes"`
	UptimeSec   int64    `json:"uptime_seconds"`
}

// Peer is another peer as this one knows it.
type Peer struct {
	Peer       string    `json:"peer"`
	Addresses  []string  `json:"addresses"`
	Connected  bool      `json:"connected"`
	Version    string    `json:"version"`
	FreeBytes  uint64    `json:"free_bytes"`
	QuotaBytes uint64    `json:"quota_bytes"`
	RTTMicros  int64     `json:"rtt_us"` // 0: not measured
	Seen       time.Time `json:"seen"`   // when it was last heard of
}

// Severity is how bad a finding is.
type Severity string

// The severities.
const (
	OK      Severity = "ok"
	Warning Severity = "warning"
	Problem Severity = "problem" // peerctl doctor exits non-zero
)

// Finding is one thing that the doctor looked at.
type Finding struct {
	Severity Severity `json:"severity"`
	Subject  string   `json:"subject"` // "disk", "clock", "reachability"
	Message  string   `json:"message"`
	Hint     string   `json:"hint,omitempty"` // how to mend it
}

// Identity is who uses this peer.
type Identity struct {
	Author string `json:"author"` // the key that signs updates
	Peer   string `json:"peer"`
}

// Volume is a volume that this user has a petname for.
type Volume struct {
	Petname   string `json:"petname"`
	Object    string `json:"object"`
	Reference string `json:"reference,omitempty"` // of its root; left out of a Status and of a list
	Version   uint64 `json:"version"`             // the newest that this peer has heard of
	Shared    bool   `json:"shared,omitempty"`    // it is somebody else's
	Deleted   bool   `json:"deleted,omitempty"`   // its owner has deleted it
	// Retention is which versions stay; nil: all of them. Left out of a Status.
	Retention *Retention `json:"retention,omitempty"`
}

// PutResult is what became of a change.
type PutResult struct {
	Reference string `json:"reference"` // follows the newest version
	Pinned    string `json:"pinned"`    // the same, @version
	Path      Path   `json:"path"`      // as in Entry; where it was stored
	Object    string `json:"object"`
	Version   uint64 `json:"version"`
	Previous  uint64 `json:"previous,omitempty"` // the version that changed the entry before; 0: it is new
	Bytes     int64  `json:"bytes"`              // of content taken in
	SentBytes int64  `json:"sent_bytes"`         // of shares stored on holders
	Holders   int    `json:"holders"`            // distinct peers that hold it, this one too if it does
	Alone     bool   `json:"alone"`              // this peer alone holds it: one copy
	Missing   int    `json:"missing_shares"`     // shares that no peer has taken yet
	State     State  `json:"state"`
	Pending   uint64 `json:"pending,omitempty"`   // the number under which it waits
	Unchanged bool   `json:"unchanged,omitempty"` // all of it was there already; Version is the newest
}

// Log is the history of an entry.
type Log struct {
	Object   string       `json:"object"`
	Path     Path         `json:"path"`
	Versions []LogVersion `json:"versions"` // newest first
}

// LogVersion is one version in a history.
type LogVersion struct {
	Version uint64    `json:"version"`
	Time    time.Time `json:"time"`
	Author  string    `json:"author"`
	Content bool      `json:"content"` // it changed content; false only with All
}

// CheckReport is the state of what is stored.
type CheckReport struct {
	Healthy  bool           `json:"healthy"` // every extent has shares enough, on holders enough
	Object   string         `json:"object"`
	Path     Path           `json:"path"`
	Version  uint64         `json:"version"`
	Files    int            `json:"files"`              // looked at
	Bytes    int64          `json:"bytes"`              // in them
	Verified int64          `json:"verified"`           // bytes read and proved
	Alone    bool           `json:"alone"`              // this peer alone holds it: one copy
	Rebuilt  int            `json:"rebuilt,omitempty"`  // shares, with Repair
	Replayed *Replayed      `json:"replayed,omitempty"` // with History
	Risk     float64        `json:"loss_per_year"`      // probability that part of it is lost within a year
	Extents  []ExtentReport `json:"extents"`            // the weakest first
	Problems []CheckProblem `json:"problems"`           // the files that are short or damaged
}

// Replayed is a history that was made again and is what the rings certified.
type Replayed struct {
	Versions uint64 `json:"versions"`
	Updates  int    `json:"updates"`
}

// ExtentReport is the state of one extent.
type ExtentReport struct {
	Extent  string     `json:"extent"`
	K       int        `json:"k"`             // shares needed to read it
	N       int        `json:"n"`             // shares there should be
	Alive   int        `json:"alive"`         // shares proved just now
	Repair  int        `json:"repair_at"`     // so many live shares, or fewer, are repaired
	Risk    float64    `json:"loss_per_year"` // probability that it is lost within a year
	Holders []string   `json:"holders"`       // peers that proved one
	Audited *time.Time `json:"audited"`       // when a custodian last did; null: never
}

// CheckProblem is a file that suffers.
type CheckProblem struct {
	Path    Path   `json:"path"`
	Tree    bool   `json:"tree,omitempty"` // it is the volume's own tree that suffers, not a file
	Extent  string `json:"extent,omitempty"`
	Kind    string `json:"kind"` // errs.Kind's name: "too-few", "damaged"
	Message string `json:"message"`
}
