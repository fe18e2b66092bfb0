package kv

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// collectLoop gives the room of dead values back to the disk until ctx ends.
func (s *store) collectLoop(ctx context.Context) {
	tick := time.NewTicker(s.options.CollectEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := s.collect(ctx); err != nil {
				s.options.Logger.Warn("local store: collecting dead values", "dir", s.dir, "error", err)
			}
		}
	}
}

// collect rewrites value files that are mostly dead, one after another.
func (s *store) collect(ctx context.Context) error {
	for ctx.Err() == nil {
		err := s.resident.mayUnmap(s.collectOne)
		if errors.Is(err, badger.ErrNoRewrite) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// collectOne moves what lives in one value file to the newest, syncs, and only
// then lets the old file go: Badger keeps it for as long as an iterator is
// open. If the sync fails the iterator is left open, and the old file stays.
func (s *store) collectOne() error {
	if s.faulted.Load() {
		return fmt.Errorf("%w: nothing is collected after a read fault", ErrDamaged)
	}
	// What is moved may use the reserve: room comes back for it.
	if err := checkRoom(s.options, s.dir, 0, movedBytesMax); err != nil {
		return err
	}
	txn := s.db.NewTransaction(false)
	hold := txn.NewIterator(badger.IteratorOptions{})
	err := s.db.RunValueLogGC(collectDeadRatio)
	if err == nil {
		s.files.wrote()
		if err := s.sync(); err != nil {
			return fmt.Errorf("after moving values: %w", err)
		}
	}
	hold.Close()
	txn.Discard()
	return err
}
