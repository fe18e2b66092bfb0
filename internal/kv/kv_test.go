package kv_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/kv/kvtest"
)

func open(t testing.TB, dir string, o kv.Options) kv.Store {
	t.Helper()
	s, err := kv.Open(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil && !errors.Is(err, kv.ErrClosed) && !errors.Is(err, kv.ErrDamaged) {
			t.Error(err)
		}
	})
	return s
}

func closeStore(t testing.TB, s kv.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestBadgerConforms(t *testing.T) {
	kvtest.Conformance(t, func(t *testing.T) kv.Store { return open(t, t.TempDir(), kv.Options{}) })
}

func TestReopenedStoreHasEverything(t *testing.T) {
	dir := t.TempDir()
	large := strings.Repeat("v", 300<<10)
	for i := range 3 {
		s := open(t, dir, kv.Options{})
		for j := range i {
			if kvtest.Get(t, s, fmt.Sprint("small", j)) != "v" || kvtest.Get(t, s, fmt.Sprint("large", j)) != large {
				t.Errorf("round %d: what round %d wrote is gone", i, j)
			}
		}
		kvtest.Set(t, s, fmt.Sprint("small", i), "v")
		kvtest.Set(t, s, fmt.Sprint("large", i), large)
		closeStore(t, s)
	}
}

func TestSecondProcessIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, kv.Options{})
	_, err := kv.Open(dir, kv.Options{})
	wantError(t, err, kv.ErrLocked, errs.Refused, dir)
	closeStore(t, s)
	open(t, dir, kv.Options{})
}

// wantError checks the sentinel, the kind, that the text names the directory,
// and that there is a hint.
func wantError(t *testing.T, err, sentinel error, kind errs.Kind, dir string) {
	t.Helper()
	if !errors.Is(err, sentinel) || errs.KindOf(err) != kind || !strings.Contains(err.Error(), dir) || errs.HintOf(err) == "" {
		t.Errorf("%v (kind %v, hint %q), want %v of kind %v that names %s", err, errs.KindOf(err), errs.HintOf(err), sentinel, kind, dir)
	}
}

func TestNewerReleaseIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "FORMAT"), []byte("atoll-store 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := kv.Open(dir, kv.Options{})
	wantError(t, err, kv.ErrNewer, errs.Refused, dir)
	if _, err := os.Stat(filepath.Join(dir, "index")); !os.IsNotExist(err) {
		t.Error("the directory was changed")
	}
}

// filled returns a closed store with tables, logs and values.
func filled(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir, kv.Options{})
	for i := range 8 {
		kvtest.Set(t, s, fmt.Sprint("small", i), "v")
		kvtest.Set(t, s, fmt.Sprint("large", i), strings.Repeat("v", 50<<10))
	}
	closeStore(t, s)
	return dir
}

func onlyFile(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("no file %s: %v", pattern, err)
	}
	return found[0]
}

func flip(t *testing.T, path string, offset int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[offset] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDamageFoundAtOpen(t *testing.T) {
	for name, damage := range map[string]func(dir string) error{
		"the format is lost":   func(dir string) error { return os.Remove(filepath.Join(dir, "FORMAT")) },
		"the format is rubbed": func(dir string) error { return os.WriteFile(filepath.Join(dir, "FORMAT"), []byte("x"), 0o600) },
		"the manifest is lost": func(dir string) error { return os.Remove(filepath.Join(dir, "index", "MANIFEST")) },
		"a table is lost":      func(dir string) error { return os.Remove(onlyFile(t, filepath.Join(dir, "index", "*.sst"))) },
		"a table is flipped":   func(dir string) error { flip(t, onlyFile(t, filepath.Join(dir, "index", "*.sst")), 20); return nil },
	} {
		dir := filled(t)
		if err := damage(dir); err != nil {
			t.Fatal(err)
		}
		_, err := kv.Open(dir, kv.Options{})
		t.Logf("%s: %v", name, err)
		wantError(t, err, kv.ErrDamaged, errs.Damaged, dir)
	}
}

func TestFlippedBitInAValueIsFoundOnRead(t *testing.T) {
	dir := filled(t)
	flip(t, filepath.Join(dir, "values", "000001.vlog"), 100<<10)
	s := open(t, dir, kv.Options{})
	damaged := 0
	for i := range 8 {
		err := s.View(func(r kv.Reader) error {
			return r.Get(fmt.Append(nil, "large", i), func([]byte) error { return nil })
		})
		if errors.Is(err, kv.ErrDamaged) {
			damaged++
		} else if err != nil {
			t.Error(err)
		}
	}
	if damaged != 1 {
		t.Errorf("%d values damaged, want 1", damaged)
	}
	err := s.View(func(r kv.Reader) error {
		return r.Scan([]byte("large"), nil, false, func(_, _ []byte) (bool, error) { return true, nil })
	})
	if !errors.Is(err, kv.ErrDamaged) {
		t.Errorf("scan: %v, want ErrDamaged", err)
	}
}

func TestMissingAndCutValueFilesAreDamage(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"lost":               os.Remove,
		"cut":                func(path string) error { return os.Truncate(path, 4096) },
		"cut while it is up": nil,
	} {
		dir := filled(t)
		path := filepath.Join(dir, "values", "000001.vlog")
		if damage != nil {
			if err := damage(path); err != nil {
				t.Fatal(err)
			}
		}
		s := open(t, dir, kv.Options{})
		if damage == nil {
			if err := os.Truncate(path, 4096); err != nil {
				t.Fatal(err)
			}
		}
		err := s.View(func(r kv.Reader) error {
			return r.Get([]byte("large7"), func(v []byte) error { _ = bytes.Clone(v); return nil })
		})
		if !errors.Is(err, kv.ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", name, err)
		}
	}
}

func TestFullDiskRefusesUpdatesButNotDeletes(t *testing.T) {
	dir, room := t.TempDir(), uint64(1<<40)
	o := kv.Options{ReserveBytes: 1 << 20}.WithFree(func(string) (uint64, error) { return room, nil })
	s := open(t, dir, o)
	kvtest.Set(t, s, "a", "1")
	room = 1<<20 + 100
	if left, err := s.Room(); err != nil || left.LeftBytes != 100 {
		t.Errorf("%+v, %v, want 100 bytes left for others", left, err)
	}
	if err := s.Files().Write("f", make([]byte, 200)); !errors.Is(err, kv.ErrFull) {
		t.Errorf("a file: %v, want ErrFull", err)
	}
	room = 1 << 20
	kvtest.Set(t, s, "own", "may use half of the reserve")
	room = 1<<19 + 100
	err := s.Update(func(w kv.Writer) error { return w.Set([]byte("b"), make([]byte, 200)) })
	if !errors.Is(err, kv.ErrFull) || !strings.Contains(err.Error(), dir) {
		t.Errorf("%v, want ErrFull that names %s", err, dir)
	}
	if kvtest.Get(t, s, "b") != "absent" {
		t.Error("written all the same")
	}
	if err := s.Update(func(w kv.Writer) error { return w.Delete([]byte("a")) }); err != nil {
		t.Errorf("delete: %v", err)
	}
	closeStore(t, s)
	room = 0
	_, err = kv.Open(dir, o)
	wantError(t, err, kv.ErrFull, errs.Full, dir)
}

func TestFreeBytesOfTheDiskAreKnown(t *testing.T) {
	s := open(t, t.TempDir(), kv.Options{ReserveBytes: 1 << 62})
	if err := s.Update(func(w kv.Writer) error { return w.Set([]byte("a"), nil) }); !errors.Is(err, kv.ErrFull) {
		t.Errorf("a reserve larger than any disk: %v, want ErrFull", err)
	}
}

func TestSyncReachesFilesLeftBehind(t *testing.T) {
	s := open(t, t.TempDir(), kv.Options{})
	value := make([]byte, 900)
	for round := range 3 {
		for i := range 6 { // 5 MiB of small values: memtables rotate in between
			err := s.Update(func(w kv.Writer) error {
				for j := range 1000 {
					if err := w.Set(fmt.Appendf(nil, "%d/%d/%d", round, i, j), value); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConcurrentSyncsShareOneRun(t *testing.T) {
	var g kv.SyncGroup
	started, release := make(chan struct{}), make(chan struct{})
	first := make(chan error, 1)
	go func() { first <- g.Do(func() error { close(started); <-release; return nil }) }()
	<-started
	runs := 0
	results := make(chan error, 10)
	for range cap(results) {
		go func() { results <- g.Do(func() error { runs++; return nil }) }()
	}
	close(release)
	for range cap(results) {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if err := <-first; err != nil || runs < 1 || runs > cap(results) {
		t.Errorf("error %v, %d runs", err, runs)
	}
}

func TestFailedSyncIsNeverTriedAgain(t *testing.T) {
	var g kv.SyncGroup
	broken := errors.New("broken disk")
	for range 2 {
		if err := g.Do(func() error { return broken }); !errors.Is(err, broken) {
			t.Errorf("%v, want the first failure", err)
		}
	}
	if err := g.Do(func() error { return nil }); !errors.Is(err, broken) {
		t.Errorf("%v, want the first failure", err)
	}
}

func FuzzParseFormat(f *testing.F) {
	f.Add("atoll-store 1\n")
	f.Fuzz(func(t *testing.T, line string) {
		if n, err := kv.ParseFormat(line); err == nil && fmt.Sprintf("atoll-store %d\n", n) != line {
			t.Fatalf("%q parses as %d", line, n)
		}
	})
}
