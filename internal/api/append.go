package api

import (
	"context"
	"io"
)

// AppendRequest asks to append to a file.
//
// Ref is the file's path, or a reference to it; the directory that is to hold it
// must exist (errs.NotFound). A file that is not there is made. A directory or a
// link, and an earlier version, is errs.Usage.
type AppendRequest struct {
	Ref   string `json:"ref"`
	Mode  uint32 `json:"mode"`            // of a file that is made, within ModeMask
	Until State  `json:"until,omitempty"` // when to return: Ordered or Archived; "" is Ordered
}

// Appender is the part of a Backend that appends.
type Appender interface {
	// Append appends body, to its io.EOF, to the end of a file. Whole lines that
	// have come are ordered without waiting for more, in as many updates as it
	// takes; no line is in two, and other writers' lines come between them. A line
	// of more than wire.LineBytesMax is errs.Usage. What was ordered before an error
	// stays, and the hint says how much that is; so it is if body ends in another
	// error, which means that the caller gave up.
	Append(ctx context.Context, r AppendRequest, body io.Reader) (PutResult, error)
}
