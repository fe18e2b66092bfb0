package local

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// SpecialBits of a mode are set-user-ID and set-group-ID: what comes from others must
// not get this user's rights unasked.
const SpecialBits = 0o6000

// Mode returns the twelve bits of a file's mode.
func Mode(info fs.FileInfo) uint32 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint32(st.Mode) & api.ModeMask
	}
	return uint32(info.Mode().Perm())
}

// Time returns a file's time of change as it can be stored: JSON has years 0
// to 9999.
func Time(t time.Time) time.Time {
	t = t.UTC()
	switch {
	case t.Year() < 0:
		return time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	case t.Year() > 9999:
		return time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
	}
	return t
}

// setTime sets the time of change of a file or a link in an open directory.
func setTime(dir *os.File, name string, t time.Time) error {
	now, err := unix.TimeToTimespec(time.Now())
	if err != nil {
		return err
	}
	changed, err := unix.TimeToTimespec(t)
	if err != nil {
		return err
	}
	return unix.UtimesNanoAt(int(dir.Fd()), name, []unix.Timespec{now, changed}, unix.AT_SYMLINK_NOFOLLOW)
}

// Failure gives an error of the file system its kind.
func Failure(op, path string, err error) error {
	kind := errs.Other
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		kind = errs.NotFound
	case errors.Is(err, fs.ErrPermission):
		kind = errs.Refused
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		kind = errs.Full
	}
	var p *fs.PathError
	if errors.As(err, &p) && kind != errs.Other {
		err = p.Err
	}
	return errs.New(op, api.Path(path).String(), kind, err)
}
