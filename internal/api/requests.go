package api

import "time"

// State is how far a change has come.
type State string

// The states of a change, each including those before it.
const (
	Stored   State = "stored"   // its data lies on holders
	Ordered  State = "ordered"  // the ring has certified it as a version
	Pending  State = "pending"  // no ring was reached: it waits here
	Archived State = "archived" // this peer may die: the version's tree lies on other peers, its head in the DHT
)

// A reference in a request (Ref, Dest) is text as DESIGN section 10 has it:
// "home:/a%40b", "atoll:…/a", "docs.example.test/a", with a version selector
// where one is read.

// InitRequest asks for a new volume.
type InitRequest struct {
	Petname string `json:"petname"`
	Ring    int    `json:"ring,omitempty"`  // how many peers order it: 1, 4, 7 or 10; 0: 4, and as many as there are
	Nines   int    `json:"nines,omitempty"` // durability of what is put in it, as in PlanRequest; 0: the default
}

// PutRequest asks to store a file, or a symbolic link.
//
// The file gets Dest as its path. If Dest ends in "/" or names an existing
// directory, it gets the path Name in that directory instead; no Name then is
// errs.Usage. The directory that is to hold the file must exist
// (errs.NotFound), except that "home:" is made at first use. An existing file
// or link gets a next version.
type PutRequest struct {
	Dest      string    `json:"dest"`
	Name      Path      `json:"name,omitempty"` // base name of what is put; no "/" in it
	Mode      uint32    `json:"mode"`           // within ModeMask
	ModTime   time.Time `json:"mtime"`
	Symlink   Path      `json:"symlink,omitempty"`    // not empty: a link to this; there is no body
	IfVersion *uint64   `json:"if_version,omitempty"` // errs.Conflict if the entry changed after this version
	IfAbsent  bool      `json:"if_absent,omitempty"`  // errs.Conflict if the entry exists
	Until     State     `json:"until,omitempty"`      // when to return: Ordered or Archived; "" is Archived
	Nines     int       `json:"nines,omitempty"`      // durability, as in PlanRequest; 0: what the volume says
}

// PutTreeRequest asks to store a tree.
//
// Dest becomes the tree itself, merged with what is there; if it ends in "/",
// Name in it does. The directory above must exist. A file in the place of a
// directory, or the other way round, is errs.Conflict, unless the tree says first
// that what is there is Gone.
type PutTreeRequest struct {
	Dest      string  `json:"dest"`
	Name      Path    `json:"name,omitempty"`
	Seen      uint64  `json:"seen,omitempty"`     // what is Gone must not have changed after this version (errs.Conflict); 0: than this request finds
	Checksum  bool    `json:"checksum,omitempty"` // files of one size, mode and time are compared by content
	IfVersion *uint64 `json:"if_version,omitempty"`
	IfAbsent  bool    `json:"if_absent,omitempty"`
	Until     State   `json:"until,omitempty"`
	Nines     int     `json:"nines,omitempty"`
}

// MkdirRequest asks for a directory.
type MkdirRequest struct {
	Ref     string `json:"ref"`
	Parents bool   `json:"parents,omitempty"` // make those above too; what exists is no error
	Mode    uint32 `json:"mode"`
	Until   State  `json:"until,omitempty"`
}

// RemoveRequest asks to remove an entry. A root is errs.Usage.
type RemoveRequest struct {
	Ref       string  `json:"ref"`
	Recursive bool    `json:"recursive,omitempty"`
	IfVersion *uint64 `json:"if_version,omitempty"`
	Until     State   `json:"until,omitempty"`
}

// ReadRequest asks for an entry or its content.
type ReadRequest struct {
	Ref         string `json:"ref"`
	Consistency string `json:"consistency,omitempty"`
	Offset      int64  `json:"offset,omitempty"` // bytes, not negative
	Length      int64  `json:"length,omitempty"` // bytes; 0: to the end
	// Skip leaves out the content of entries of a Walk, counted from 0: pairs of
	// the first and the one after the last, ascending.
	Skip []int64 `json:"skip,omitempty"`
}

// ListRequest asks for entries.
type ListRequest struct {
	Ref         string `json:"ref"`
	Consistency string `json:"consistency,omitempty"`
	Recursive   bool   `json:"recursive,omitempty"`
	Thin        bool   `json:"thin,omitempty"` // tell which files should be put again
}

// LogRequest asks for history.
type LogRequest struct {
	Ref         string `json:"ref"`
	Consistency string `json:"consistency,omitempty"`
	All         bool   `json:"all,omitempty"` // versions without a change of content too
}

// CheckRequest asks for the state of what is stored.
type CheckRequest struct {
	Ref         string `json:"ref"`
	Consistency string `json:"consistency,omitempty"`
	Verify      bool   `json:"verify,omitempty"`  // read and prove every byte, not samples
	History     bool   `json:"history,omitempty"` // make all versions again from the signed updates; errs.Damaged if they do not fit
	Repair      bool   `json:"repair,omitempty"`  // rebuild first what nobody proves; of a volume that is not in custody here errs.Refused
}
