package api

import "time"

// Kind is what an entry is.
type Kind string

// The kinds of entries.
const (
	File    Kind = "file"
	Dir     Kind = "dir"
	Symlink Kind = "symlink"
)

// ModeMask is what is kept of a mode: permissions, set-uid, set-gid, sticky.
const ModeMask = 0o7777

// Entry is a file, directory or symbolic link in a volume.
type Entry struct {
	Object  string    `json:"object"`  // the volume's id
	Path    Path      `json:"path"`    // from the root of what the petname or reference names: "/a/b", "/" for the root itself
	Version uint64    `json:"version"` // the version that last changed this entry
	Kind    Kind      `json:"kind"`
	Size    int64     `json:"size"` // bytes of a file; 0 for other kinds
	Mode    uint32    `json:"mode"` // within ModeMask
	ModTime time.Time `json:"mtime"`
	Target  Path      `json:"target,omitempty"` // of a symbolic link; any bytes

	// Snapshot is the version that was read; only in the first entry of an
	// answer.
	Snapshot uint64 `json:"snapshot,omitempty"`
	// Thin says that a file lies on far fewer peers than are known by now, so
	// that it should be put again; only where asked for.
	Thin bool `json:"thin,omitempty"`
}

// Name returns the last component of the path, "" for a root.
func (e Entry) Name() string { return e.Path.Base() }

// TreeEntry is an entry on its way into a volume.
type TreeEntry struct {
	Path    Path // from the root of the tree, "a/b"; "" for the root itself. No component is empty, "." or ".."
	Kind    Kind
	Mode    uint32 // within ModeMask
	ModTime time.Time
	Target  Path  // of a symbolic link
	Size    int64 // bytes of a file, exactly
	// Gone says that what is at Path is to be removed, with all below it; that
	// nothing is there is no error. Nothing else is said then.
	Gone bool
}
