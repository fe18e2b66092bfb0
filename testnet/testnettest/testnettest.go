// Package testnettest starts test networks for the tests of other packages:
// real peerd processes, built once and gone when the test is.
//
// It is for tests only. What it starts must never outlive the test's process,
// killed or not.
package testnettest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/testnet"

	// The programs are built by a command that Go's cache of test results knows
	// nothing of: what they are made of makes the tests new.
	_ "github.com/atollnet/atoll/cmd/peerctl/local"
	_ "github.com/atollnet/atoll/internal/api/client"
	_ "github.com/atollnet/atoll/internal/api/protocol"
	_ "github.com/atollnet/atoll/node"
)

// Start starts n peers, waits until all know each other, and takes them down
// when the test ends. Flags are added to each peer's command line. If the test
// fails, the directory with the peers' logs is kept and named.
func Start(t testing.TB, n int, flags ...string) *testnet.Network {
	t.Helper()
	peerd := Binaries(t).Peerd
	network, err := testnet.Up(t.Context(), testnet.Config{
		Dir: shortDir(t), Peers: n, Peerd: peerd, Args: flags, Names: true, Tied: true,
	})
	if err != nil {
		t.Fatalf("test network of %d peers: %v\n%s", n, err, errs.HintOf(err))
	}
	t.Cleanup(func() {
		if err := network.Down(); err != nil {
			t.Error(err)
		}
	})
	return network
}

// shortDir returns a temporary directory for the test. The one that testing
// itself makes has the test's name in its path, which a socket's path has no
// room for.
func shortDir(t testing.TB) string {
	dir, err := os.MkdirTemp("", "atoll")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the peers' logs are kept in %s", dir)
			return
		}
		os.RemoveAll(dir)
	})
	return dir
}

// Binaries returns the programs, built from the sources under test. The build
// is shared by all tests of all packages; where nothing has changed it costs
// nothing.
func Binaries(t testing.TB) testnet.Binaries {
	t.Helper()
	b, err := build()
	if err != nil {
		t.Fatalf("build programs: %v\n%s", err, errs.HintOf(err))
	}
	return b
}

var build = sync.OnceValues(func() (testnet.Binaries, error) {
	dir, err := binDir()
	if err != nil {
		return testnet.Binaries{}, err
	}
	// Several packages' tests run at once, each a process.
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return testnet.Binaries{}, err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return testnet.Binaries{}, err
	}
	return testnet.Build(context.Background(), filepath.Join(dir, "bin"))
})

// binDir returns a directory of this checkout's own outside of it.
func binDir() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	module, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(string(module))))
	dir := filepath.Join(cache, "atoll-test", hex.EncodeToString(sum[:8]))
	return dir, os.MkdirAll(dir, 0o700)
}
