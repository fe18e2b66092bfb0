package node

import (
	"context"
	"testing"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/objects/transfer"
)

// sink is a stream that takes everything, or nothing.
type sink struct {
	transfer.Stream
	full bool
}

func (s sink) Write(p []byte) (int, error) {
	if s.full {
		return 0, context.DeadlineExceeded
	}
	return len(p), nil
}

type reports int

func (r *reports) Progress(api.Progress) { *r++ }
func (r *reports) Note(string)           {}

func TestBytesThatLeaveAreProgress(t *testing.T) {
	var r reports
	ctx := api.WithObserver(t.Context(), &r)
	observed{sink{}, ctx}.Write([]byte("share"))
	observed{sink{full: true}, ctx}.Write([]byte("share"))
	if r != 1 {
		t.Errorf("%d reports, want 1", r)
	}
}
