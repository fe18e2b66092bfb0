// Package store keeps what this peer holds for others, shares with their
// manifests and leases, and the tree nodes of the objects that it knows, in the
// local key-value store.
//
// A share is on disk as a whole or not at all: Put makes its bytes and outboard
// a durable file, then writes record, manifest and lease in one update, and
// returns after a sync, so that a receipt may follow. Small shares lie in the
// key-value store with the rest. Whoever deletes a record removes the file after
// the deletion is durable (removeStray): its room comes back at once. Every slice is checked against the share's hash before it
// leaves: damage on disk is found when it is read, counted, and never served.
// A holder keeps one lease per object and share. Leases run on this peer's own
// uptime, which Tick counts; nothing here reads a clock.
//
// On one core 2.5 GB/s of a share are read, checked and handed over; puts of 2 MiB
// shares reach 280 MB/s with a sync each, on a virtual disk.
// Memory holds a table of budgets, nothing per share. FORMAT.md says what lies
// under which key.
package store

import (
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
)

// The errors of this package also carry a kind (package errs). A full disk
// matches kv.ErrFull.
var (
	// ErrQuota: this peer stores as much as it may, in all.
	ErrQuota = errors.New("quota is used up")
	// ErrBudget: this author or object has as much here as it may.
	ErrBudget = errors.New("budget is used up")
	// ErrMismatch: what came is not the share that its manifest describes.
	ErrMismatch = errors.New("not the share of the manifest")
	// ErrNotFound: no such share, manifest or node here.
	ErrNotFound = errors.New("not here")
	// ErrDamaged: what is on disk is not what was stored.
	ErrDamaged = errors.New("damaged on disk")
)

var kinds = map[error]errs.Kind{
	ErrQuota: errs.Full, ErrBudget: errs.Full, ErrMismatch: errs.Refused,
	ErrNotFound: errs.NotFound, ErrDamaged: errs.Damaged, ErrDeleted: errs.Refused,
	ErrDenied: errs.Refused,
}

// fail returns an error that matches the sentinel and has its kind.
func fail(sentinel error, format string, args ...any) error {
	return errs.New("", "", kinds[sentinel], fmt.Errorf("%w: %s", sentinel, fmt.Sprintf(format, args...)))
}

// classify gives the key-value store's errors a kind.
func classify(err error) error {
	switch {
	case errors.Is(err, kv.ErrFull):
		return errs.New("", "", errs.Full, err)
	case errors.Is(err, kv.ErrDamaged):
		return fail(ErrDamaged, "%v", err)
	case errors.Is(err, kv.ErrNotFound):
		return fail(ErrNotFound, "no such key")
	}
	return err
}
