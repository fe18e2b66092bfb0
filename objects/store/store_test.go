package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

const month = 30 * 24 * 3600

// shares returns the manifest and shares of a 2-of-3 extent of blocks of these
// lengths; other seeds give other extents.
func shares(t testing.TB, seed byte, lengths ...int) (*extent.Manifest, [][]byte) {
	t.Helper()
	b, err := extent.NewBuilder(2, 3)
	if err != nil {
		t.Fatal(err)
	}
	all := make([][]byte, 3)
	for _, length := range lengths {
		block := make([]byte, length)
		for i := range block {
			block[i] = byte(i*i) + seed
		}
		_, fragments, err := b.Add(block)
		if err != nil {
			t.Fatal(err)
		}
		for i, f := range fragments {
			all[i] = append(all[i], f...)
		}
	}
	return b.Manifest(), all
}

// large is share 1 of an extent whose shares have three pieces.
func large(t testing.TB, seed byte) Incoming {
	m, all := shares(t, seed, 1<<20, 1<<20, 1<<20, 1<<20, 300_000)
	return Incoming{Object: wire.ObjectID{1}, Author: wire.PublicKey{2}, Manifest: m, Index: 1, Data: all[1], LeaseSeconds: month}
}

// small is share 0 of an extent of one small block.
func small(t testing.TB, seed byte) Incoming {
	m, all := shares(t, seed, 1000)
	return Incoming{Object: wire.ObjectID{1}, Author: wire.PublicKey{2}, Manifest: m, Index: 0, Data: all[0], LeaseSeconds: month}
}

func open(t testing.TB, store kv.Store, c Config) *Shares {
	t.Helper()
	if c.QuotaBytes == 0 {
		c.QuotaBytes = 1 << 30
	}
	s, err := Open(store, c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t testing.TB, s *Shares, in Incoming) {
	t.Helper()
	if err := s.Put(in); err != nil {
		t.Fatal(err)
	}
}

// wantShare reads a share in several ranges and checks each.
func wantShare(t testing.TB, s *Shares, in Incoming) {
	t.Helper()
	id, size := in.Manifest.ID(), len(in.Data)
	for _, r := range [][2]int{{0, size}, {0, 1}, {size - 1, 1}, {size / 3, size / 2}} {
		var slice bytes.Buffer
		if err := s.Slice(&slice, id, in.Index, r[0], r[1]); err != nil {
			t.Fatalf("slice [%d,+%d): %v", r[0], r[1], err)
		}
		got, err := extent.ReadSlice(slice.Bytes(), size, r[0], r[1], in.Manifest.Shares[in.Index])
		if err != nil || !bytes.Equal(got, in.Data[r[0]:r[0]+r[1]]) {
			t.Fatalf("slice [%d,+%d) differs: %v", r[0], r[1], err)
		}
	}
	m, err := s.Manifest(id)
	if err != nil || m.ID() != id {
		t.Fatalf("manifest: %v", err)
	}
}

func wantError(t testing.TB, what string, err, sentinel error, kind errs.Kind) {
	t.Helper()
	if !errors.Is(err, sentinel) || errs.KindOf(err) != kind {
		t.Errorf("%s: %v (kind %v), want %v of kind %v", what, err, errs.KindOf(err), sentinel, kind)
	}
}

// stores are those that the behaviour must not depend on.
func stores(t *testing.T) map[string]kv.Store {
	badger, err := kv.Open(t.TempDir(), kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := badger.Close(); err != nil {
			t.Error(err)
		}
	})
	return map[string]kv.Store{"badger": badger, "memory": kvtest.NewMemory()}
}

func TestWhatIsPutCanBeRead(t *testing.T) {
	for name, store := range stores(t) {
		t.Run(name, func(t *testing.T) {
			s := open(t, store, Config{})
			all := []Incoming{large(t, 1), small(t, 2), small(t, 3)}
			other := small(t, 2)
			_, data := shares(t, 2, 1000)
			other.Index, other.Data = 2, data[2]
			all = append(all, other)
			want := Usage{QuotaBytes: 1 << 30, Shares: len(all), FileBytes: newRecord(wire.ShareHash{}, len(all[0].Data)).diskBytes()}
			for _, in := range all {
				put(t, s, in)
				want.StoredBytes += uint64(len(in.Data)) + ShareOverheadBytes
			}
			want.FreeBytes = want.QuotaBytes - want.StoredBytes
			for _, s := range []*Shares{s, open(t, store, Config{})} { // as it is, and opened again
				for _, in := range all {
					wantShare(t, s, in)
				}
				if got := s.Usage(); got != want {
					t.Errorf("usage %+v, want %+v", got, want)
				}
				indexes, err := s.Indexes(other.Manifest.ID())
				if err != nil || fmt.Sprint(indexes) != "[0 2]" {
					t.Errorf("indexes %v, error %v", indexes, err)
				}
			}
		})
	}
}

func TestAbsentIsNotFound(t *testing.T) {
	s := open(t, kvtest.NewMemory(), Config{})
	in := small(t, 1)
	put(t, s, in)
	_, err := s.Manifest(wire.ExtentID{9})
	wantError(t, "manifest", err, ErrNotFound, errs.NotFound)
	wantError(t, "extent", s.Slice(io.Discard, wire.ExtentID{9}, 0, 0, 1), ErrNotFound, errs.NotFound)
	wantError(t, "share", s.Slice(io.Discard, in.Manifest.ID(), 1, 0, 1), ErrNotFound, errs.NotFound)
	if indexes, err := s.Indexes(wire.ExtentID{9}); len(indexes) != 0 || err != nil {
		t.Errorf("indexes %v, error %v", indexes, err)
	}
	for _, r := range [][2]int{{0, 0}, {-1, 1}, {0, len(in.Data) + 1}, {1 << 62, 1 << 62}} {
		if err := s.Slice(io.Discard, in.Manifest.ID(), 0, r[0], r[1]); !errors.Is(err, extent.ErrInput) {
			t.Errorf("range [%d,+%d): %v, want extent.ErrInput", r[0], r[1], err)
		}
	}
	if s.Usage().Damaged != 0 {
		t.Error("a bad request counts as damage")
	}
}

func TestPutRefusesWhatIsNotTheShare(t *testing.T) {
	s := open(t, kvtest.NewMemory(), Config{LeaseSecondsMax: month})
	for name, change := range map[string]func(in *Incoming){
		"no manifest":      func(in *Incoming) { in.Manifest = nil },
		"another index":    func(in *Incoming) { in.Index = 1 },
		"index below zero": func(in *Incoming) { in.Index = -1 },
		"index beyond n":   func(in *Incoming) { in.Index = 3 },
		"a flipped bit":    func(in *Incoming) { in.Data = bytes.Clone(in.Data); in.Data[7] ^= 1 },
		"cut short":        func(in *Incoming) { in.Data = in.Data[:len(in.Data)-1] },
		"nothing":          func(in *Incoming) { in.Data = nil },
		"a bad manifest":   func(in *Incoming) { in.Manifest.K = 0 },
	} {
		in := small(t, 1)
		change(&in)
		wantError(t, name, s.Put(in), ErrMismatch, errs.Refused)
	}
	for _, seconds := range []uint64{0, month + 1, 1<<64 - 1} {
		in := small(t, 1)
		in.LeaseSeconds = seconds
		if err := s.Put(in); errs.KindOf(err) != errs.Refused {
			t.Errorf("lease of %d seconds: %v", seconds, err)
		}
	}
	if u := s.Usage(); u.Shares != 0 || u.StoredBytes != 0 {
		t.Errorf("usage %+v after refusals", u)
	}
}

func TestPutAgainRenewsTheLeaseOnly(t *testing.T) {
	store := kvtest.NewMemory()
	s := open(t, store, Config{})
	in := small(t, 1)
	put(t, s, in)
	usage := s.Usage()
	put(t, s, in)
	in.Object = wire.ObjectID{7}
	put(t, s, in)
	if s.Usage() != usage {
		t.Errorf("usage %+v, want %+v", s.Usage(), usage)
	}
	if leases := store.Keys(classKey(classLease)); len(leases) != 2 {
		t.Errorf("%d leases, want one for each object", len(leases))
	}
	if reopened := open(t, store, Config{}); reopened.Usage() != usage {
		t.Errorf("usage %+v when opened again, want %+v", reopened.Usage(), usage)
	}
}

func leaseOf(t *testing.T, s *Shares, in Incoming) (l lease) {
	t.Helper()
	err := s.kv.View(func(r kv.Reader) (err error) {
		l, err = readLease(r, checked{Incoming: in, id: in.Manifest.ID()})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestLeasesRunOnUptime(t *testing.T) {
	store := kvtest.NewMemory()
	s := open(t, store, Config{})
	for range 3 {
		if err := s.Tick(100); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, store, Config{})
	in := small(t, 1)
	for _, step := range []struct{ seconds, until uint64 }{{1000, 1300}, {5000, 5300}, {10, 5300}} {
		in.LeaseSeconds = step.seconds
		put(t, s, in)
		if l := leaseOf(t, s, in); l.Until != step.until || l.Seconds != step.seconds {
			t.Errorf("lease of %d seconds until %d, want until %d", l.Seconds, l.Until, step.until)
		}
	}
	store.Crash()
	if s = open(t, store, Config{}); s.uptime != 300 {
		t.Errorf("uptime %d, want 300", s.uptime)
	}
}

func TestExtentsAreListedInPages(t *testing.T) {
	s := open(t, kvtest.NewMemory(), Config{})
	want := make(map[wire.ExtentID]bool)
	for seed := range byte(7) {
		in := small(t, seed)
		put(t, s, in)
		want[in.Manifest.ID()] = true
	}
	var from wire.ExtentID
	for len(want) > 0 {
		page, err := s.Extents(from, 3)
		if err != nil || len(page) == 0 {
			t.Fatalf("page %v, error %v, %d left", page, err, len(want))
		}
		for _, id := range page {
			if !want[id] || bytes.Compare(id[:], from[:]) < 0 {
				t.Errorf("%v: unknown, twice or out of order", id)
			}
			delete(want, id)
			from = id
		}
		from[31]++
	}
}

func TestConcurrentPutsStayWithinTheQuota(t *testing.T) {
	in := small(t, 0)
	each := charge(uint64(len(in.Data)))
	s := open(t, kvtest.NewMemory(), Config{QuotaBytes: 5*each + each/2})
	var wg sync.WaitGroup
	refused := make(chan error, 20)
	for seed := range byte(20) {
		wg.Go(func() {
			if err := s.Put(small(t, seed)); err != nil {
				refused <- err
			}
		})
	}
	wg.Wait()
	close(refused)
	if u := s.Usage(); u.Shares != 5 || u.StoredBytes != 5*each || len(refused) != 15 {
		t.Errorf("usage %+v, %d refused", u, len(refused))
	}
	for err := range refused {
		wantError(t, "over quota", err, ErrQuota, errs.Full)
	}
}
