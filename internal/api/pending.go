package api

import (
	"context"
	"io"
	"time"
)

// Waiter keeps changes that were made while no peer that could order them was
// reached. They are ordered when one is, if what they change has not changed
// since; otherwise they are kept aside.
type Waiter interface {
	// Pending lists what waits and what is kept aside, oldest first.
	Pending(ctx context.Context) ([]PendingChange, error)
	// PendingContent returns the content of a put that waits, which the caller
	// closes.
	PendingContent(ctx context.Context, r PendingRequest) (io.ReadCloser, error)
	// DropPending forgets a change.
	DropPending(ctx context.Context, r PendingRequest) (PendingChange, error)
}

// PendingRequest names a change.
type PendingRequest struct {
	ID uint64 `json:"id"`
}

// PendingChange is a change that waits, or that is kept aside.
type PendingChange struct {
	ID     uint64    `json:"id"`
	Verb   string    `json:"verb"` // "put", "mkdir", "rm"
	Dest   string    `json:"dest"` // as in the request; of a reference the path alone
	Made   time.Time `json:"made"`
	Base   uint64    `json:"base"`             // the version that the user had seen
	Bytes  int64     `json:"bytes"`            // of content
	Reason string    `json:"reason,omitempty"` // why it is kept aside
}
