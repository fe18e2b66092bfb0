package store

import (
	"errors"
	"fmt"
	"testing"

	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
)

func tick(t testing.TB, s *Shares, seconds uint64) {
	t.Helper()
	if err := s.Tick(seconds); err != nil {
		t.Fatal(err)
	}
}

// expired returns the leases that have run out.
func expired(t testing.TB, s *Shares) []Lease {
	t.Helper()
	all, err := s.Expired(100)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func release(t testing.TB, s *Shares, in Incoming) uint64 {
	t.Helper()
	n, err := s.Release(in.Object, []wire.ExtentID{in.Manifest.ID(), {99}})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestReleaseGivesSpaceBack(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			s := open(t, store, Config{})
			empty := s.Usage()
			for _, in := range []Incoming{large(t, 1), small(t, 2)} {
				put(t, s, in)
				tick(t, s, 2*youngSeconds)
				if len(expired(t, s)) != 0 {
					t.Fatal("a lease of a month has run out")
				}
				if n := release(t, s, in); n != charge(uint64(len(in.Data))) {
					t.Errorf("%d bytes will be freed of %d", n, len(in.Data))
				}
				all := expired(t, s)
				if len(all) != 1 {
					t.Fatalf("run out: %v", all)
				}
				wantShare(t, s, in) // until it is dropped
				if n, err := s.Drop(all[0]); err != nil || n != charge(uint64(len(in.Data))) {
					t.Errorf("%d bytes freed, %v", n, err)
				}
				if n, err := s.Drop(all[0]); err != nil || n != 0 {
					t.Errorf("dropped again: %d bytes, %v", n, err)
				}
				if s.Usage() != empty || open(t, store, Config{}).Usage() != empty || len(fileNames(t, store)) != 0 {
					t.Errorf("usage %+v, files %q", s.Usage(), fileNames(t, store))
				}
			}
			if authors, objects := s.Accounts(10); len(authors)+len(objects) != 0 {
				t.Errorf("accounts of nobody: %v, %v", authors, objects)
			}
		})
	}
}

// What another object leases stays; what is put again stays; what was put just
// now stays long enough to be ordered.
func TestReleaseSparesWhatOthersNeed(t *testing.T) {
	s := open(t, kvtest.NewMemory(), Config{})
	in := large(t, 1)
	other := in
	other.Object = wire.ObjectID{77}
	put(t, s, in)
	release(t, s, in)
	if len(expired(t, s)) != 0 {
		t.Error("a share that was just brought has run out")
	}
	put(t, s, other)
	tick(t, s, youngSeconds)
	all := expired(t, s)
	if len(all) != 1 || all[0].Object != in.Object {
		t.Fatalf("run out: %v", all)
	}
	if n, err := s.Drop(all[0]); err != nil || n != 0 {
		t.Errorf("%d bytes freed of what another object leases, %v", n, err)
	}
	wantShare(t, s, other)

	put(t, s, in)
	tick(t, s, 2*youngSeconds)
	release(t, s, in)
	all = expired(t, s)
	put(t, s, in) // between the look and the removal
	if _, err := s.Drop(all[0]); err != nil {
		t.Fatal(err)
	}
	leaseOf(t, s, in)
}

func TestAReprieve(t *testing.T) {
	s := open(t, kvtest.NewMemory(), Config{})
	in := small(t, 1)
	put(t, s, in)
	tick(t, s, month+1)
	all := expired(t, s)
	if len(all) != 1 || all[0].Reprieved {
		t.Fatalf("after a month: %v", all)
	}
	if err := s.Extend(all[0], ReprieveSeconds); err != nil {
		t.Fatal(err)
	}
	if len(expired(t, s)) != 0 {
		t.Error("extended, and run out")
	}
	tick(t, s, ReprieveSeconds)
	if all = expired(t, s); len(all) != 1 || !all[0].Reprieved {
		t.Fatalf("after the reprieve: %v", all)
	}
}

// A failure at each step of a release and of a removal, and a crash after it:
// the share is whole or gone, and the counts are those of the disk.
func TestEveryFailureOfADropLeavesAWholeShareOrNone(t *testing.T) {
	for step := range 5 {
		for _, fault := range []kvtest.Fault{kvtest.NotDone, kvtest.Reported} {
			t.Run(fmt.Sprintf("step %d fault %d", step, fault), func(t *testing.T) {
				store := kvtest.NewMemory()
				s := open(t, store, Config{})
				in := large(t, 1)
				put(t, s, in)
				tick(t, s, 2*youngSeconds)
				if err := s.kv.Sync(); err != nil {
					t.Fatal(err)
				}
				store.Inject(func(at int) kvtest.Fault {
					if at == step {
						return fault
					}
					return kvtest.None
				})
				_, err := s.Release(in.Object, []wire.ExtentID{in.Manifest.ID()})
				all := expired(t, s)
				for _, l := range all {
					var dropErr error
					_, dropErr = s.Drop(l)
					err = errors.Join(err, dropErr)
				}
				if err != nil && !errors.Is(err, kvtest.ErrInjected) {
					t.Fatal(err)
				}
				store.Inject(nil)
				store.Crash()
				wholeOrAbsent(t, store, in)
			})
		}
	}
}

// Many are dropped with few syncs: of one extent, of one share, more than one
// update holds, and one twice.
func TestManyAreDroppedTogether(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			s := open(t, store, Config{})
			empty := s.Usage()
			m, data := shares(t, 1, 200, 200, 200)
			var want uint64
			for i := range 3 {
				put(t, s, Incoming{Object: wire.ObjectID{1}, Author: wire.PublicKey{1}, Manifest: m, Index: i, Data: data[i], LeaseSeconds: 1000})
				want += charge(uint64(len(data[i])))
			}
			other := Incoming{Object: wire.ObjectID{2}, Author: wire.PublicKey{2}, Manifest: m, Index: 2, Data: data[2], LeaseSeconds: 1000}
			put(t, s, other)
			tick(t, s, 2000)
			all := expired(t, s)
			freed, err := s.Drop(append(all, all...)...)
			if err != nil || freed != want || len(all) != 4 {
				t.Errorf("%d leases, %d bytes freed of %d, %v", len(all), freed, want, err)
			}
			if u := s.Usage(); u != empty {
				t.Errorf("left: %+v, want %+v", u, empty)
			}
			if _, err := s.Manifest(m.ID()); !errors.Is(err, ErrNotFound) {
				t.Errorf("manifest: %v", err)
			}
		})
	}
}

func TestMoreAreDroppedThanAnUpdateHolds(t *testing.T) {
	s := open(t, kvtest.NewMemory(), Config{})
	object, count := many(t, s)
	releaseObject(t, s, object)
	all, err := s.Expired(count)
	if err != nil || len(all) != count {
		t.Fatalf("%d of %d have run out, %v", len(all), count, err)
	}
	if _, err := s.Drop(all...); err != nil {
		t.Fatal(err)
	}
	if left := expired(t, s); len(left) != 0 || s.Usage().Shares != 0 {
		t.Errorf("%d are left, %+v", len(left), s.Usage())
	}
}
