// Package durable puts files in place as a whole: after a crash, at whatever
// moment, the old file is there or the new one, with all of its bytes. It must
// never be used for what may be lost, since it waits for the disk, nor for files
// that are written often: those belong in the local store.
package durable

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Suffix is what the name of a file that is not whole yet ends in. A crash can
// leave such a file; the next Replace of the same path writes over it.
const Suffix = ".new"

// WriteFile is Replace for content that is in memory.
func WriteFile(path string, content []byte, mode fs.FileMode) error {
	_, err := Replace(path, bytes.NewReader(content), mode)
	return err
}

// Replace writes all of content to a file beside path, and gives that file the
// name path once the disk has it. It returns how many bytes there were. After an
// error path is as it was, unless its directory alone could not be synced.
func Replace(path string, content io.Reader, mode fs.FileMode) (n int64, err error) {
	fresh := path + Suffix
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return 0, err
	}
	if n, err = io.Copy(f, content); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		return n, errors.Join(err, os.RemoveAll(fresh))
	}
	return n, SyncDir(filepath.Dir(path))
}

// SyncDir makes durable which files a directory has.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
