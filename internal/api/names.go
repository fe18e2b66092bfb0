package api

import (
	"context"
	"time"
)

// Names is the part of a Backend that is about names. NAME in a request is a
// full name, or one whose last label is that of one of the user's zones.
type Names interface {
	// NameZone makes or changes a zone.
	NameZone(ctx context.Context, r NameZoneRequest) (NameZone, error)
	// NameChange changes records of a zone and, unless Hold is set, publishes
	// the zone. Fewer confirmations than asked for are errs.TooFew; the change
	// holds all the same.
	NameChange(ctx context.Context, r NameChangeRequest) (NameResult, error)
	// NameList lists zones, or the records of one.
	NameList(ctx context.Context, r NameListRequest) (NameList, error)
	// NameResolve answers a question as this peer's DNS does.
	NameResolve(ctx context.Context, r NameResolveRequest) (NameAnswer, error)
	// NameStatus says how the published names of a zone are.
	NameStatus(ctx context.Context, r NameListRequest) (NameStatus, error)
	// NameAnchors tells what a validator outside is to trust: with a name, the
	// keys of that zone, one of the user's or a self-certifying name; without,
	// this peer's own zone atoll.alt and its roots.
	NameAnchors(ctx context.Context, r NameListRequest) (NameAnchors, error)
	// NameRegister asks the holder of a zone for a name in it.
	NameRegister(ctx context.Context, r NameRegisterRequest) (NameResult, error)
}

// NameZoneRequest asks to make a zone, or to change it.
type NameZoneRequest struct {
	Op    string `json:"op"` // "create", "open", "close", "roll", "finish"
	Label string `json:"label"`
	Root  string `json:"root,omitempty"` // create: it is a root for this suffix
	Open  bool   `json:"open,omitempty"` // create: others may register names
}

// NameZone is a zone.
type NameZone struct {
	Label   string   `json:"label"`
	Name    string   `json:"name"`    // its self-certifying name, without the final dot
	Names   []string `json:"names"`   // the others it is published under
	DS      []string `json:"ds"`      // what parents say of it, one line for each name and key
	Anchors []string `json:"anchors"` // trust anchors for validators, as BIND reads them
	Serial  uint64   `json:"serial"`
	Open    bool     `json:"open"`
	Root    bool     `json:"root"`
}

// NameChangeRequest asks for a change of a zone.
type NameChangeRequest struct {
	Op      string   `json:"op"`   // "set", "add", "rm", "delegate", "link", "import", "publish"
	Name    string   `json:"name"` // "publish" and "import": a zone
	Type    string   `json:"type,omitempty"`
	TTL     uint32   `json:"ttl,omitempty"`  // seconds; 0: 300
	Data    []string `json:"data,omitempty"` // of each record; "link": the REF; "delegate": a zone of the user's, a self-certifying name or DS data
	Public  bool     `json:"public,omitempty"`
	Replace bool     `json:"replace,omitempty"` // "import": the zone then has these records and no others
	Hold    bool     `json:"hold,omitempty"`
	Confirm int      `json:"confirm,omitempty"` // confirmations to ask for; 0: half of those that can be had
}

// NameResult is what became of a change.
type NameResult struct {
	Zone      string `json:"zone"`
	Name      string `json:"name"`      // in full
	Published bool   `json:"published"` // false: held
	Records   int    `json:"records"`   // of the DHT, that were put
	Confirmed int    `json:"confirmed"` // by how many peers, each of them at least
	Alone     bool   `json:"alone"`     // no other peer is known
	Serial    uint64 `json:"serial"`
}

// NameListRequest asks for zones ("") or what a zone holds.
type NameListRequest struct {
	Zone   string `json:"zone,omitempty"`
	Export bool   `json:"export,omitempty"` // as a master file
}

// NameList is zones, or the records of one.
type NameList struct {
	Zones   []NameZone   `json:"zones,omitempty"`
	Records []NameRecord `json:"records,omitempty"`
	Master  string       `json:"master,omitempty"`
}

// NameRecord is one record as its owner wrote it.
type NameRecord struct {
	Name string `json:"name"` // relative to the zone
	TTL  uint32 `json:"ttl"`
	Type string `json:"type"`
	Data string `json:"data"`
}

// NameResolveRequest is a question.
type NameResolveRequest struct {
	Name  string `json:"name"`
	Type  string `json:"type,omitempty"` // "" is A
	Trace bool   `json:"trace,omitempty"`
}

// NameAnswer is an answer.
type NameAnswer struct {
	Name      string     `json:"name"`
	Type      string     `json:"type"`
	Code      string     `json:"code"` // "NOERROR", "NXDOMAIN", "SERVFAIL"
	Secure    bool       `json:"secure"`
	Stale     bool       `json:"stale"`
	Answer    []string   `json:"answer"` // as in master files, without signatures
	Authority []string   `json:"authority"`
	Error     string     `json:"error,omitempty"`
	Trace     []NameStep `json:"trace,omitempty"`
}

// NameStep is one step of a resolution.
type NameStep struct {
	Zone   string `json:"zone"`
	What   string `json:"what"`
	From   string `json:"from"` // "cache", "network"
	Micros int64  `json:"us"`
	Note   string `json:"note"`
}

// NameStatus is how the names of a zone are.
type NameStatus struct {
	Zone  NameZone         `json:"zone"`
	Names []NameStatusLine `json:"names"`
}

// NameStatusLine is how one published name is.
type NameStatusLine struct {
	Name       string     `json:"name"`
	Stored     int        `json:"stored"` // other peers among the nearest that have it now; of many names, that had it last
	Put        *time.Time `json:"put"`    // when that was; null: not since this peer started
	Seen       *time.Time `json:"seen"`   // when another peer was last seen to have it
	Serial     uint64     `json:"serial"`
	Expires    time.Time  `json:"expires"`
	Popularity float64    `json:"popularity"` // lookups in an hour, of all peers, as the nearest one says
	Level      int        `json:"level"`      // of its replication: the digits that holders share with it; 0: every peer; 64: only the nearest hold it
}

// NameAnchors is what a validator trusts.
type NameAnchors struct {
	Anchors []string `json:"anchors"` // as BIND reads them within trust-anchors { }
	DS      []string `json:"ds"`      // as records, for peerd's roots and other resolvers
}

// NameRegisterRequest asks for a name in somebody's zone.
type NameRegisterRequest struct {
	Name    string `json:"name"` // to be delegated
	Zone    string `json:"zone"` // the label of the user's zone that is to be there
	Confirm int    `json:"confirm,omitempty"`
}
