package store

import (
	"fmt"
	"slices"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
)

func releaseObject(t testing.TB, s *Shares, object wire.ObjectID) uint64 {
	t.Helper()
	n, err := s.ReleaseObject(object)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func dropExpired(t testing.TB, s *Shares) (freed uint64) {
	t.Helper()
	for _, l := range expired(t, s) {
		n, err := s.Drop(l)
		if err != nil {
			t.Fatal(err)
		}
		freed += n
	}
	return freed
}

// A deleted object leaves at once, young shares too, and stays away; what
// another object leases stays.
func TestADeletedObjectLeaves(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			s := open(t, store, Config{})
			first, second := large(t, 1), small(t, 2)
			shared := second
			shared.Object = wire.ObjectID{77}
			for _, in := range []Incoming{first, second, shared} {
				put(t, s, in)
			}
			want := charge(uint64(len(first.Data))) + charge(uint64(len(second.Data)))
			if n := releaseObject(t, s, first.Object); n != want {
				t.Errorf("%d bytes will be freed, want %d", n, want)
			}
			if freed := dropExpired(t, s); freed != charge(uint64(len(first.Data))) {
				t.Errorf("%d bytes are freed", freed)
			}
			wantShare(t, s, shared)
			if _, objects := s.Accounts(10); len(objects) != 1 || objects[0].Name != shared.Object.String() {
				t.Errorf("accounts of %v", objects)
			}
			for range 2 { // and once more when it was opened again
				wantError(t, "put", s.Put(first), ErrDeleted, errs.Refused)
				wantError(t, "renew", s.Renew(second.Object, second.Author, second.Manifest.ID(), second.Index, 100), ErrDeleted, errs.Refused)
				s = open(t, store, Config{})
			}
			if n := releaseObject(t, s, first.Object); n != 0 {
				t.Errorf("deleted again: %d bytes", n)
			}
			put(t, s, shared)
		})
	}
}

func TestWhatHasNothingHereIsNotRemembered(t *testing.T) {
	s := open(t, kvtest.NewMemory(), Config{})
	if n := releaseObject(t, s, wire.ObjectID{5}); n != 0 || s.IsDeleted(wire.ObjectID{5}) {
		t.Errorf("%d bytes, remembered: %v", n, s.IsDeleted(wire.ObjectID{5}))
	}
}

// Of more deletions than are remembered the oldest goes.
func TestDeletionsAreBounded(t *testing.T) {
	store := kvtest.NewMemory()
	s := open(t, store, Config{})
	first := small(t, 1)
	put(t, s, first)
	releaseObject(t, s, first.Object)
	for i := range uint32(DeletedMax) - 1 {
		object := wire.ObjectID{1, byte(i >> 16), byte(i >> 8), byte(i), 1}
		s.deleted.newest++
		s.deleted.at[object] = s.deleted.newest
	}
	second := small(t, 2)
	second.Object = wire.ObjectID{88}
	put(t, s, second)
	releaseObject(t, s, second.Object)
	if len(s.deleted.at) != DeletedMax || s.IsDeleted(first.Object) || !s.IsDeleted(second.Object) {
		t.Errorf("%d are remembered, the first %v, the last %v", len(s.deleted.at), s.IsDeleted(first.Object), s.IsDeleted(second.Object))
	}
	s = open(t, store, Config{})
	if s.IsDeleted(first.Object) || !s.IsDeleted(second.Object) {
		t.Errorf("opened again: the first %v, the last %v", s.IsDeleted(first.Object), s.IsDeleted(second.Object))
	}
}

// many puts more shares of one object than one update ends leases of.
func many(t *testing.T, s *Shares) (object wire.ObjectID, count int) {
	t.Helper()
	in := small(t, 1)
	put(t, s, in)
	count = leasesPerUpdate + 5
	err := s.kv.Update(func(w kv.Writer) error {
		for i := 1; i < count; i++ {
			key := leaseKey(wire.ExtentID{9, byte(i >> 8), byte(i)}, 0, in.Object)
			if err := w.Set(key, encode(lease{Format: formatCurrent, Author: in.Author, Bytes: 10, Seconds: 1000, Until: 1000})); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = s.load()
	}
	if err != nil {
		t.Fatal(err)
	}
	return in.Object, count
}

// Whatever step of a deletion fails or is the last one before a crash, doing it
// again ends it, and the counts are those of the disk.
func TestEveryFailureOfADeletionIsMended(t *testing.T) {
	const steps = 4 // what is remembered, two parts of leases, the sync
	for step := range steps + 1 {
		for _, fault := range []kvtest.Fault{kvtest.NotDone, kvtest.Reported} {
			for survives := range steps {
				t.Run(fmt.Sprintf("step %d fault %d survives %d", step, fault, survives), func(t *testing.T) {
					store := kvtest.NewMemory()
					s := open(t, store, Config{})
					object, count := many(t, s)
					if err := store.Sync(); err != nil {
						t.Fatal(err)
					}
					store.Inject(func(at int) kvtest.Fault {
						if at == step {
							return fault
						}
						return kvtest.None
					})
					_, err := s.ReleaseObject(object)
					if (err != nil) != (step < steps) {
						t.Fatalf("step %d: %v", step, err)
					}
					store.CrashKeeping(survives)
					s = open(t, store, Config{})
					releaseObject(t, s, object)
					store.Crash()
					s = open(t, store, Config{})
					all, err := s.Expired(2 * count)
					if err != nil || len(all) != count || !s.IsDeleted(object) {
						t.Fatalf("%d of %d leases have run out, deleted: %v, %v", len(all), count, s.IsDeleted(object), err)
					}
					if slices.ContainsFunc(all, func(l Lease) bool { return l.Object != object }) {
						t.Error("another object's lease has run out")
					}
				})
			}
		}
	}
}
