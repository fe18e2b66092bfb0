package store

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/kv/kvtest"
)

// wholeOrAbsent checks that nothing of a share is half there, and that the
// counts are those of the disk.
func wholeOrAbsent(t *testing.T, store *kvtest.Memory, in Incoming) (present bool) {
	t.Helper()
	s := open(t, store, Config{})
	indexes, err := s.Indexes(in.Manifest.ID())
	if err != nil {
		t.Fatal(err)
	}
	if len(indexes) == 0 {
		left, files := store.Keys([]byte{sharesPrefix}), fileNames(t, store)
		left = slices.DeleteFunc(left, func(k []byte) bool { return bytes.Equal(k, uptimeKey) })
		if len(left) != 0 || len(files) != 0 || s.Usage().StoredBytes != 0 {
			t.Fatalf("%d keys and files %q of an absent share, usage %+v", len(left), files, s.Usage())
		}
		return false
	}
	wantShare(t, s, in)
	leaseOf(t, s, in)
	if s.Usage().Shares != 1 {
		t.Fatalf("usage %+v", s.Usage())
	}
	return true
}

func TestEveryFailureLeavesAWholeShareOrNone(t *testing.T) {
	in := large(t, 1)
	for step := range 3 { // the file, the update, the sync
		for _, fault := range []kvtest.Fault{kvtest.NotDone, kvtest.Reported} {
			for survives := range 2 { // what was not synced may reach the disk or not
				t.Run(fmt.Sprintf("step %d fault %d survives %d", step, fault, survives), func(t *testing.T) {
					store := kvtest.NewMemory()
					s := open(t, store, Config{})
					store.Inject(func(at int) kvtest.Fault {
						if at == step {
							return fault
						}
						return kvtest.None
					})
					if err := s.Put(in); !errors.Is(err, kvtest.ErrInjected) {
						t.Fatalf("put: %v, want the injected failure", err)
					}
					onDisk := open(t, store, Config{}).Usage()
					if s.Usage() != onDisk {
						t.Errorf("usage %+v, on disk %+v", s.Usage(), onDisk)
					}
					store.CrashKeeping(survives)
					wholeOrAbsent(t, store, in)

					put(t, open(t, store, Config{}), in)
					store.Crash()
					if !wholeOrAbsent(t, store, in) {
						t.Error("a share that was acknowledged is lost")
					}
				})
			}
		}
	}
}

func TestPutIsThreeSteps(t *testing.T) {
	store := kvtest.NewMemory()
	s := open(t, store, Config{})
	store.Inject(func(int) kvtest.Fault { return kvtest.None })
	put(t, s, small(t, 1))
	if store.Steps() != 2 || store.Pending() != 0 {
		t.Errorf("a small share: %d steps, %d updates not synced", store.Steps(), store.Pending())
	}
	store.Inject(func(int) kvtest.Fault { return kvtest.None })
	put(t, s, large(t, 1))
	if store.Steps() != 3 || store.Pending() != 0 {
		t.Errorf("%d steps, %d updates not synced; the faults above do not meet all of them", store.Steps(), store.Pending())
	}
}

func TestFullDisk(t *testing.T) {
	store := kvtest.NewMemory()
	s := open(t, store, Config{})
	store.Fill(true)
	wantError(t, "put", s.Put(small(t, 1)), kv.ErrFull, errs.Full)
	if u := s.Usage(); u.Shares != 0 {
		t.Errorf("usage %+v", u)
	}
	store.Fill(false)
	put(t, s, small(t, 1))
}
