package testnet

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/atollnet/atoll/internal/errs"
)

const modulePath = "github.com/atollnet/atoll"

// Binaries are the programs of a network.
type Binaries struct {
	Peerd   string // what each peer runs
	Peerctl string // what a user runs
}

func binariesIn(dir string) Binaries {
	return Binaries{Peerd: filepath.Join(dir, "peerd"), Peerctl: filepath.Join(dir, "peerctl")}
}

// Beside returns the programs that lie beside this program's own executable,
// and whether they do. They do not under `go run`, which builds one program
// into a temporary directory.
func Beside() (Binaries, bool) {
	self, err := os.Executable()
	if err != nil {
		return Binaries{}, false
	}
	b := binariesIn(filepath.Dir(self))
	for _, path := range []string{b.Peerd, b.Peerctl} {
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			return Binaries{}, false
		}
	}
	return b, true
}

// Build builds the programs into dir. It takes the go command and the
// module's sources; it must run within the module. What is up to date is left
// as it is.
func Build(ctx context.Context, dir string) (Binaries, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return Binaries{}, errs.New("build programs", dir, errs.Other, err)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", dir+string(filepath.Separator),
		modulePath+"/cmd/peerd", modulePath+"/cmd/peerctl")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = errs.New("build programs", dir, errs.Other, err)
		return Binaries{}, errs.Hint(err, "go build said:\n%s", strings.TrimSpace(string(out)))
	}
	return binariesIn(dir), nil
}

// Programs returns the programs beside this executable, else builds them into
// dir, telling progress first because a cold build takes minutes.
func Programs(ctx context.Context, dir string, progress func(string)) (Binaries, error) {
	if b, ok := Beside(); ok {
		return b, nil
	}
	progress("building peerd and peerctl")
	return Build(ctx, dir)
}
