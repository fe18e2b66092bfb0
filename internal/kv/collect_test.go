package kv_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/kv/kvtest"
)

// fill writes n values of 1 MiB under the same few keys, so all but a few are
// dead.
func fill(t *testing.T, s kv.Store, n int) {
	t.Helper()
	value := make([]byte, 1<<20)
	for i := range n {
		value[0] = byte(i)
		kvtest.Set(t, s, fmt.Sprint("k", i%4), string(value))
	}
}

func valueBytes(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "values", "*.vlog"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths[:len(paths)-1] { // the newest is a hole
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		bytes += info.Size()
	}
	return bytes
}

func TestRoomOfDeadValuesIsGivenBack(t *testing.T) {
	dir := t.TempDir()
	for range 6 { // each run leaves a value file behind
		s := open(t, dir, kv.Options{})
		fill(t, s, 8)
		closeStore(t, s)
	}
	s := open(t, dir, kv.Options{})
	before := valueBytes(t, dir)
	if err := kv.Collect(s); err != nil {
		t.Fatal(err)
	}
	if after := valueBytes(t, dir); before < 48<<20 || after > 9<<20 {
		t.Errorf("%d bytes of values before, %d after", before, after)
	}
	for i := range 4 {
		if got := kvtest.Get(t, s, fmt.Sprint("k", i)); len(got) != 1<<20 || got[0] != byte(4+i) {
			t.Errorf("k%d is lost", i)
		}
	}
}

func TestNothingIsCollectedWithoutRoomForIt(t *testing.T) {
	s := open(t, t.TempDir(), kv.Options{ReserveBytes: 1}.WithFree(func(string) (uint64, error) { return 1 << 20, nil }))
	if err := kv.Collect(s); !errors.Is(err, kv.ErrFull) {
		t.Errorf("%v, want ErrFull", err)
	}
}

func TestKilledProcessLosesNothing(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledProcessHelper$")
	cmd.Env = append(os.Environ(), "KV_HELPER_DIR="+dir)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Exited() {
		t.Fatalf("the helper was not killed: %v\n%s", err, out)
	}
	before := valueBytes(t, dir)
	s := open(t, dir, kv.Options{})
	for i := range 20 {
		if got := kvtest.Get(t, s, fmt.Sprint("large", i)); len(got) != 100<<10 {
			t.Errorf("value %d of %d bytes", i, len(got))
		}
	}
	if after := valueBytes(t, dir); after >= 16<<20 {
		t.Errorf("the hole at the end of a value file stays: %d bytes, %d before", after, before)
	}
}

// TestKilledProcessHelper is the process that is killed; alone it does nothing.
func TestKilledProcessHelper(t *testing.T) {
	dir := os.Getenv("KV_HELPER_DIR")
	if dir == "" {
		return
	}
	s, err := kv.Open(dir, kv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		kvtest.Set(t, s, fmt.Sprint("large", i), string(make([]byte, 100<<10)))
	}
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if err := self.Kill(); err != nil {
		t.Fatal(err)
	}
	select {}
}
