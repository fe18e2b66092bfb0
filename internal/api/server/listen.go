package server

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/atollnet/atoll/internal/errs"
)

// Listen makes the unix socket of the local API, which only its owner can open,
// in a directory that is made private if it is new. A socket that stands there
// already is taken over: the caller holds the lock that says nobody uses it.
// Anything else in its place is refused.
func Listen(path string) (net.Listener, error) {
	if err := makeRoom(path); err != nil {
		return nil, errs.Wrap("open the API socket", path, err)
	}
	config := net.ListenConfig{Control: private}
	l, err := config.Listen(context.Background(), "unix", path)
	if err != nil {
		return nil, errs.Wrap("open the API socket", path, err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errs.Wrap("protect the API socket", path, errors.Join(err, l.Close()))
	}
	return l, nil
}

func makeRoom(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		err := errs.New("", "", errs.Refused, errors.New("a file that is no socket is in the way"))
		return errs.Hint(err, "remove it, or choose another path with --api")
	}
	return os.Remove(path)
}

// private sets the socket's mode before it has a path, so that there is no
// moment in which others could connect. Where a system does not support that,
// the mode is set right after.
func private(_, _ string, c syscall.RawConn) error {
	return c.Control(func(fd uintptr) { _ = unix.Fchmod(int(fd), 0o600) })
}
