package kv

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"
)

// newestLog returns the number of the newest memtable log of a store.
func newestLog(t *testing.T, s *store) (number int) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(s.files.index, "*"+logSuffix))
	if err != nil || len(found) == 0 {
		t.Fatalf("no log: %v", err)
	}
	if _, err := fmt.Sscanf(filepath.Base(found[len(found)-1]), logName, &number); err != nil {
		t.Fatal(err)
	}
	return number
}

// Most syncs wait for one file; this one must be that to which the updates went.
func TestSyncFollowsTheLog(t *testing.T) {
	opened, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	s := opened.(*store)
	value, number := make([]byte, ValueSmallMax-1), uint64(0)
	put := func(count int) {
		t.Helper()
		err := s.Update(func(w Writer) error {
			for range count {
				number++
				if err := w.Set(binary.BigEndian.AppendUint64([]byte{'k'}, number), value); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	logs := make(map[int]bool)
	for range 3 * memtableBytes / (500 * ValueSmallMax) {
		put(500)
		if s.files.isLast() && s.files.number != newestLog(t, s) {
			t.Fatalf("log %d is taken for the newest, and %d is", s.files.number, newestLog(t, s))
		}
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		if !s.files.isLast() || s.files.number != newestLog(t, s) {
			t.Fatalf("log %d is at hand after a sync, and %d is the newest", s.files.number, newestLog(t, s))
		}
		logs[s.files.number] = true
	}
	if len(logs) < 2 {
		t.Errorf("all went to one log of %v: nothing was shown", logs)
	}
}

// Value files are synced when something has gone to them, and only then.
func TestSyncOfValueFiles(t *testing.T) {
	opened, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	s := opened.(*store)
	for _, step := range []struct {
		bytes int
		bulk  bool
	}{{ValueSmallMax - 1, false}, {ValueSmallMax, true}, {100_000, true}, {1, false}} {
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		if s.files.bulk.Load() {
			t.Error("value files are to be synced after a sync")
		}
		if err := s.Update(func(w Writer) error { return w.Set([]byte{'k'}, make([]byte, step.bytes)) }); err != nil {
			t.Fatal(err)
		}
		if s.files.bulk.Load() != step.bulk {
			t.Errorf("a value of %d bytes: value files are to be synced %v, want %v", step.bytes, !step.bulk, step.bulk)
		}
		if got := inFile(t, s, step.bytes); got != step.bulk {
			t.Errorf("a value of %d bytes lies in a value file: %v, want %v", step.bytes, got, step.bulk)
		}
	}
}

// inFile reports whether the value of the key, of so many bytes, lies in a value
// file: there its entry has a head.
func inFile(t *testing.T, s *store, bytes int) bool {
	t.Helper()
	txn := s.db.NewTransaction(false)
	defer txn.Discard()
	item, err := txn.Get([]byte{'k'})
	if err != nil {
		t.Fatal(err)
	}
	return item.EstimatedSize() > int64(len("k")+bytes)
}
