package api

import "context"

// Editor changes the shape of a volume and compares its versions.
type Editor interface {
	// Move gives an entry another name. Its references stay good. Two volumes
	// are errs.Usage, a directory into itself too; a directory that is not empty
	// in its way, or a file in that of a directory, is errs.Conflict.
	Move(ctx context.Context, r MoveRequest) (PutResult, error)
	// Copy makes a copy of an entry in its volume. No data moves.
	Copy(ctx context.Context, r CopyRequest) (PutResult, error)
	// Restore makes an entry what it was in the version that the reference
	// selects; that it did not exist then is errs.NotFound.
	Restore(ctx context.Context, r RestoreRequest) (PutResult, error)
	// Diff tells what differs between two versions.
	Diff(ctx context.Context, r DiffRequest) (Diff, error)
}

// MoveRequest asks to give the entry From the path To; if To ends in "/" or
// names an existing directory, it goes into that under its own name.
type MoveRequest struct {
	From      string  `json:"from"`
	To        string  `json:"to"`
	IfVersion *uint64 `json:"if_version,omitempty"` // errs.Conflict if From changed after this version
	IfAbsent  bool    `json:"if_absent,omitempty"`  // errs.Conflict if To exists
	Until     State   `json:"until,omitempty"`
}

// CopyRequest asks for a copy. From may select a version. To is as in
// MoveRequest.
type CopyRequest struct {
	From      string `json:"from"`
	To        string `json:"to"`
	Recursive bool   `json:"recursive,omitempty"` // directories too
	IfAbsent  bool   `json:"if_absent,omitempty"`
	Until     State  `json:"until,omitempty"`
}

// RestoreRequest asks to restore what Ref names as the version that it selects
// has it.
type RestoreRequest struct {
	Ref   string `json:"ref"`
	Until State  `json:"until,omitempty"`
}

// DiffRequest asks what differs between two references into one volume, each
// with a version or without.
type DiffRequest struct {
	Old         string `json:"old"`
	New         string `json:"new"`
	Consistency string `json:"consistency,omitempty"`
}

// Diff is what differs between two versions, in the order of paths.
type Diff struct {
	Object     string       `json:"object"`
	OldVersion uint64       `json:"old_version"`
	NewVersion uint64       `json:"new_version"`
	Changes    []Difference `json:"changes"`
}

// ChangeKind is how an entry differs.
type ChangeKind string

// The kinds of changes.
const (
	Added    ChangeKind = "added"
	Removed  ChangeKind = "removed"
	Moved    ChangeKind = "moved"    // perhaps with other content too
	Modified ChangeKind = "modified" // other content, or a link's other target
	Touched  ChangeKind = "touched"  // another mode or time, the same content
)

// Difference is an entry that differs.
type Difference struct {
	Change  ChangeKind `json:"change"`
	Path    Path       `json:"path"`
	From    Path       `json:"from,omitempty"`    // of what was moved: the path before
	Content bool       `json:"content,omitempty"` // its content differs
	Old     *Entry     `json:"old,omitempty"`
	New     *Entry     `json:"new,omitempty"`
}
