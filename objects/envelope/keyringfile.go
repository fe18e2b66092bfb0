package envelope

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/atollnet/atoll/internal/errs"
)

// KeyringFile is a keyring at rest. Its owner holds the lock of the directory;
// two of them on one path would undo each other's changes.
type KeyringFile struct {
	Path       string
	Passphrase []byte    // may be empty: then the file's mode is the protection
	Random     io.Reader // crypto/rand's, but in tests

	disk disk // nil is the operating system's
}

// disk is what writing a file durably takes, so that tests can fail each step.
type disk interface {
	// Write creates the file at path, of mode 0600, with those bytes, and
	// returns when they are durable. What was there is replaced.
	Write(path string, b []byte) error
	Rename(from, to string) error
	// Sync makes the names in a directory durable.
	Sync(dir string) error
}

// Load reads the keyring. The error names the file; it is of kind NotFound if
// there is none, Refused for a wrong passphrase or a file that others can
// read, Damaged for one that was changed.
func (f KeyringFile) Load() (*Keyring, error) {
	b, err := readPrivate(f.Path)
	if err != nil {
		return nil, err
	}
	k, err := OpenKeyring(b, f.Passphrase)
	switch {
	case errors.Is(err, ErrPassphrase):
		return nil, errs.New("open keyring", f.Path, errs.Refused, err)
	case errors.Is(err, ErrRelease):
		return nil, errs.Hint(errs.New("open keyring", f.Path, errs.Refused, err), "use the newest release that ran here")
	case err != nil:
		return nil, errs.Hint(errs.New("open keyring", f.Path, errs.Damaged, err),
			"put back a copy of this file")
	}
	return k, nil
}

// readPrivate reads a file that nobody else may read.
func readPrivate(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, errs.New("open keyring", path, kindOf(err), err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, errs.New("open keyring", path, errs.Other, err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		err := errs.New("open keyring", path, errs.Refused, fmt.Errorf("its mode %#o lets others at the keys", mode))
		return nil, errs.Hint(err, "chmod 600 %s", path)
	}
	b, err := io.ReadAll(io.LimitReader(file, KeyringBytesMax+keyringCheckBytes+1))
	if err != nil {
		return nil, errs.New("open keyring", path, errs.Other, err)
	}
	return b, nil
}

func kindOf(err error) errs.Kind {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return errs.NotFound
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return errs.Full
	}
	return errs.Other
}

// Create saves a keyring where none is. The error is of kind Conflict if there
// is one: keys are never overwritten by other keys.
func (f KeyringFile) Create(k *Keyring) error {
	if _, err := os.Lstat(f.Path); !errors.Is(err, fs.ErrNotExist) {
		return errs.New("create keyring", f.Path, errs.Conflict, fmt.Errorf("there is one already"))
	}
	return f.Save(k)
}

// Save replaces the file by a keyring. It returns when that is durable; after
// an error or a crash the file holds the old keyring or the new one, whole.
func (f KeyringFile) Save(k *Keyring) error {
	b, err := k.Seal(f.Random, f.Passphrase)
	if err != nil {
		return errs.New("save keyring", f.Path, errs.Other, err)
	}
	d := f.disk
	if d == nil {
		d = osDisk{}
	}
	// Write and sync the new file beside the old one; a crash leaves only that
	// remainder, which the next save replaces. Rename; a crash leaves one of the
	// two. Sync the directory; from then on it is the new one.
	next := f.Path + ".new"
	if err = d.Write(next, b); err == nil {
		if err = d.Rename(next, f.Path); err == nil {
			err = d.Sync(filepath.Dir(f.Path))
		}
	}
	if err != nil {
		return errs.New("save keyring", f.Path, kindOf(err), err)
	}
	return nil
}

type osDisk struct{}

func (osDisk) Write(path string, b []byte) error {
	// Not truncated but removed: a remainder might have another mode.
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(b)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func (osDisk) Rename(from, to string) error { return os.Rename(from, to) }

func (osDisk) Sync(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
