package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/atollnet/atoll/internal/errs"
)

// lockDir makes sure that one process at a time uses a data directory. The
// kernel releases the lock when the process ends, however it ends.
func lockDir(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, errs.Wrap("open data directory", dir, err)
	}
	path := filepath.Join(dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, errs.Wrap("lock data directory", dir, err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		f.Close()
		return nil, errs.Hint(errs.New("lock data directory", dir, errs.Refused, errors.New("another peerd is using it")),
			"stop that peerd first, or give this one another directory with --dir")
	}
	if err != nil {
		f.Close()
		return nil, errs.Wrap("lock data directory", dir, fmt.Errorf("flock: %w", err))
	}
	return func() { f.Close() }, nil
}
