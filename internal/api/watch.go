package api

import "context"

// Watcher tells of versions as they are made.
type Watcher interface {
	// Watch calls fn with the newest version, and from then on with each in which
	// the entry, or anything below it, changes, ascending, as soon as this peer
	// hears of it, until fn fails, whose error is returned, or the context ends.
	// There need be no such entry yet. A REF of an earlier version is errs.Usage.
	Watch(ctx context.Context, r WatchRequest, fn func(LogVersion) error) error
}

// WatchRequest asks to be told of versions.
type WatchRequest struct {
	Ref         string `json:"ref"`
	Consistency string `json:"consistency,omitempty"` // of the first
	All         bool   `json:"all,omitempty"`         // every version of the volume, whatever changed
}
