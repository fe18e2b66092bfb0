package api

import (
	"context"
	"fmt"
)

// Progress is how far a long request has come.
type Progress struct {
	Phase string `json:"phase"`           // a word for people: "storing", "archiving", "checking"
	Done  int64  `json:"done"`            // in units
	Total int64  `json:"total,omitempty"` // 0: not known
	Unit  string `json:"unit"`            // "bytes", "shares", "extents"
}

// Observer is told how a request goes while it runs. Its methods may be called
// from any goroutine and return at once.
type Observer interface {
	Progress(p Progress)
	Note(text string)
}

type observerKey struct{}

// WithObserver returns a context whose requests tell o.
func WithObserver(ctx context.Context, o Observer) context.Context {
	return context.WithValue(ctx, observerKey{}, o)
}

// Report tells the request's observer, if it has one, that it got further.
func Report(ctx context.Context, p Progress) {
	if o, ok := ctx.Value(observerKey{}).(Observer); ok {
		o.Progress(p)
	}
}

// Note tells the request's user something that is no failure.
func Note(ctx context.Context, format string, args ...any) {
	if o, ok := ctx.Value(observerKey{}).(Observer); ok {
		o.Note(fmt.Sprintf(format, args...))
	}
}
