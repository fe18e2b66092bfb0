package store

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// single is the only share of an extent of one block of random bytes.
func single(t testing.TB, random *rand.ChaCha8, length int) Incoming {
	t.Helper()
	b, err := extent.NewBuilder(1, 1)
	if err != nil {
		t.Fatal(err)
	}
	block := make([]byte, length)
	random.Read(block)
	_, fragments, err := b.Add(block)
	if err != nil {
		t.Fatal(err)
	}
	return Incoming{Object: wire.ObjectID{1}, Author: wire.PublicKey{2}, Manifest: b.Manifest(), Data: fragments[0], LeaseSeconds: 1000}
}

// takenBy returns what a directory takes of the disk.
func takenBy(t testing.TB, dir string) (total uint64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		var st syscall.Stat_t
		if err == nil {
			err = syscall.Lstat(path, &st)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		total += uint64(st.Blocks) * 512
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return total
}

// fill stores shares of a length until there is no room, and returns them. The
// directory is measured as it grows.
func (s *Shares) fill(t testing.TB, random *rand.ChaCha8, length int, measure func()) (all []Incoming) {
	t.Helper()
	for i := 0; ; i++ {
		in := single(t, random, length)
		err := s.Put(in)
		if i%16 == 0 || err != nil {
			measure()
		}
		if errors.Is(err, ErrQuota) && errs.KindOf(err) == errs.Full {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, in)
	}
}

// Whatever the lengths of shares, and with all that Badger keeps beside them,
// the directory takes no more than the quota; and what is dropped is room again.
func TestTheDirectoryNeverTakesMoreThanTheQuota(t *testing.T) {
	const quota = 64 << 20
	dir := t.TempDir()
	db, err := kv.Open(dir, kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s := open(t, db, Config{QuotaBytes: quota, Room: db.Room})
	random := rand.NewChaCha8([32]byte{7})
	peak := uint64(0)
	measure := func() { peak = max(peak, takenBy(t, dir)) }
	for range 60 { // values in the index, and values in the value log
		for _, length := range []int{300, 40_000} {
			if err := s.Put(single(t, random, length)); err != nil {
				t.Fatal(err)
			}
		}
	}
	large := s.fill(t, random, 1<<20, measure)
	full := takenBy(t, dir)
	if u := s.Usage(); full < quota/2 || u.DiskBytes < full-1<<20 || u.FreeBytes > 2<<20 {
		t.Errorf("full with %d bytes on disk of a quota of %d; usage %+v", full, quota, u)
	}
	if err := s.Tick(5000); err != nil {
		t.Fatal(err)
	}
	for _, in := range large[:len(large)/2] {
		if _, err := s.Drop(Lease{Object: in.Object, Extent: in.Manifest.ID()}); err != nil {
			t.Fatal(err)
		}
	}
	if after := takenBy(t, dir); after > full-uint64(len(large)/2)<<20 {
		t.Errorf("half of %d shares dropped: %d bytes on disk, %d before", len(large), after, full)
	}
	again := s.fill(t, random, 1<<20, measure)
	if d := len(again) - len(large)/2; d < -2 || d > 2 {
		t.Errorf("%d shares were dropped, %d found room again", len(large)/2, len(again))
	}
	s.fill(t, random, 300, measure)
	if peak > quota {
		t.Errorf("the directory took %d bytes of a quota of %d", peak, quota)
	}
	u, reopened := s.Usage(), open(t, db, Config{QuotaBytes: quota, Room: db.Room}).Usage()
	if u.FileBytes != reopened.FileBytes || u.Shares != reopened.Shares {
		t.Errorf("counted %+v, on disk there is %+v", u, reopened)
	}
}

// Shares that arrive at the same time cannot all take the last room.
func TestTheLastRoomIsTakenOnce(t *testing.T) {
	store := kvtest.NewMemory()
	const each = 300_000
	s := open(t, store, Config{QuotaBytes: 8 * each, Room: store.Room})
	random := rand.NewChaCha8([32]byte{1})
	var running sync.WaitGroup
	for range 24 {
		in := single(t, random, each)
		running.Go(func() {
			if err := s.Put(in); err != nil && !errors.Is(err, ErrQuota) {
				t.Error(err)
			}
		})
	}
	running.Wait()
	room, err := store.Room()
	if u := s.Usage(); err != nil || u.Shares < 2 || u.FileBytes+room.OverheadBytes > 6*each || s.ledger.coming != 0 {
		t.Errorf("%+v, %d bytes beside, %d are coming", u, room.OverheadBytes, s.ledger.coming)
	}
}

// While nobody can say what the disk has, and where that is no more than the
// reserve, nothing is taken: a share in pieces, which would fit, neither.
func TestNothingIsTakenWithoutRoomOnTheDisk(t *testing.T) {
	for name, room := range map[string]func() (kv.Room, error){
		"not measured": func() (kv.Room, error) { return kv.Room{}, errors.New("no such disk") },
		"full":         func() (kv.Room, error) { return kv.Room{LeftBytes: 100}, nil },
	} {
		s := open(t, kvtest.NewMemory(), Config{QuotaBytes: 1 << 30, Room: room})
		for _, in := range []Incoming{small(t, 1), large(t, 1)} {
			wantError(t, name, s.Put(in), kv.ErrFull, errs.Full)
		}
		if u := s.Usage(); u.FreeBytes > 100 || u.Shares > 0 {
			t.Errorf("%s: %+v", name, u)
		}
	}
}
