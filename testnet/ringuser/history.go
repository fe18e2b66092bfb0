package ringuser

import (
	"context"
	"errors"
	"fmt"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/node/ringnet"
	"github.com/atollnet/atoll/objects/update"
)

// ErrHistory is returned for a history that is not one: a gap, a link that does
// not hold, or updates and outcomes that are not those certified.
var ErrHistory = errors.New("bad history")

// Entry is an update as the history has it.
type Entry struct {
	Version wire.Version
	Update  []byte
	Outcome update.Outcome
}

// History returns what a member has ordered, in order, from the first version to
// its newest. Every version is checked: that it follows the one before, and that
// its certificate covers its updates and their outcomes. Certificates of the
// present ring are checked against it; of an earlier one, its word is that the
// present ring goes on from it.
func (o *Object) History(ctx context.Context, member wire.PeerID) (entries []Entry, last wire.VersionID, err error) {
	for next := wire.Version(1); ; {
		q := ringnet.Versions{Object: o.ID, From: next, Count: ringnet.VersionsMax, Batches: true}
		list, err := ringnet.Ask[ringnet.VersionList](ctx, o.user.calls, member, ringnet.KindVersions, q)
		if err != nil && next > 1 {
			return entries, last, nil // it has no more
		}
		if err != nil {
			return nil, last, err
		}
		for _, v := range list.Versions {
			more, err := o.check(v, next, last)
			if err != nil {
				return nil, last, err
			}
			entries = append(entries, more...)
			last = v.Certificate.Version()
			next++
		}
		if len(list.Versions) == 0 {
			return entries, last, nil
		}
	}
}

func (o *Object) check(v ringnet.VersionData, next wire.Version, last wire.VersionID) (entries []Entry, err error) {
	d := v.Certificate.Decision
	if d.Version != next || d.Previous != last || v.Batch == nil || v.Batch.Digest() != d.Outcomes {
		return nil, fmt.Errorf("%w: version %d is not what follows version %d", ErrHistory, d.Version, next-1)
	}
	o.mu.Lock()
	ring := o.ring
	o.mu.Unlock()
	if d.Ring == ring.ID() {
		if err := v.Certificate.Verify(bft.Commit, ring); err != nil {
			return nil, fmt.Errorf("%w: version %d: %w", ErrHistory, next, err)
		}
	}
	for i, u := range v.Batch.Updates {
		outcome, err := update.ParseOutcome(v.Batch.Outcomes[i])
		if err != nil {
			return nil, fmt.Errorf("%w: version %d: %w", ErrHistory, next, err)
		}
		entries = append(entries, Entry{Version: d.Version, Update: u, Outcome: outcome})
	}
	return entries, nil
}
