package apitest

import (
	"bytes"
	"context"
	"io"
	"slices"
	"time"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// waiting is a put that waits. Nothing of a fake ever has it ordered.
type waiting struct {
	api.PendingChange
	content []byte
}

// wait keeps a put. The caller holds the lock.
func (f *Fake) wait(dest string, content []byte) api.PutResult {
	f.last++
	f.pending = append(f.pending, waiting{
		api.PendingChange{ID: f.last, Verb: "put", Dest: dest, Made: time.Now().UTC(), Bytes: int64(len(content)), Reason: f.Aside}, content,
	})
	return api.PutResult{State: api.Pending, Pending: f.last, Bytes: int64(len(content))}
}

// Pending implements api.Backend.
func (f *Fake) Pending(context.Context) ([]api.PendingChange, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := []api.PendingChange{}
	for _, w := range f.pending {
		all = append(all, w.PendingChange)
	}
	return all, nil
}

func (f *Fake) findPending(id uint64) (int, error) {
	i := slices.IndexFunc(f.pending, func(w waiting) bool { return w.ID == id })
	if i < 0 {
		return i, errs.Newf("find pending change", "", errs.NotFound, "there is none of number %d", id)
	}
	return i, nil
}

// PendingContent implements api.Backend.
func (f *Fake) PendingContent(_ context.Context, r api.PendingRequest) (io.ReadCloser, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.findPending(r.ID)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(f.pending[i].content)), nil
}

// DropPending implements api.Backend.
func (f *Fake) DropPending(_ context.Context, r api.PendingRequest) (api.PendingChange, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	i, err := f.findPending(r.ID)
	if err != nil {
		return api.PendingChange{}, err
	}
	dropped := f.pending[i]
	f.pending = slices.Delete(f.pending, i, i+1)
	return dropped.PendingChange, nil
}
