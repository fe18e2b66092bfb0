package kv

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Files keep bulk that would only pass through the value log, and cost a page
// fault for every 4 KiB there: each is a file of its own, written once and as a
// whole. Removing one gives its room back at once. They are not part of an
// Update: whoever keeps one writes it before the key that speaks of it, and
// removes it after that key is gone.
type Files interface {
	// Write makes a file of the parts and returns when it is durable. An
	// existing one is replaced as a whole; after an error it is as it was, or
	// absent, or, after a crash, cut short if there was none before. Errors:
	// ErrFull, ErrClosed.
	Write(name string, parts ...[]byte) error
	// Read fills b with what the file holds from offset on. Errors:
	// ErrNotFound, ErrDamaged if it does not reach so far.
	Read(name string, b []byte, offset int64) error
	// Remove removes a file, which need not exist. A crash may bring it back.
	Remove(name string) error
	// Names calls fn for every file, in any order, until fn fails.
	Names(fn func(name string) error) error
}

const (
	filesDir  = "files"
	newSuffix = ".new"
	// FileNameBytesMax is the longest name of a file; it consists of lower-case
	// letters, digits and dashes.
	FileNameBytesMax = 96
	// fileLocks is how many files may be written at the same time.
	fileLocks = 64
)

// bulk is Files on a directory: name N lies in the directory of its first
// letter, so that a million files make no directory of more than some ten
// thousand.
type bulk struct {
	store *store
	dir   string
	seed  maphash.Seed
	locks [fileLocks]sync.Mutex // by name: two writers of one file
}

func (s *store) Files() Files { return s.bulk }

func newBulk(s *store) *bulk {
	return &bulk{store: s, dir: filepath.Join(s.dir, filesDir), seed: maphash.MakeSeed()}
}

// CheckFileName refuses what is not the name of a file.
func CheckFileName(name string) error {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789-"
	if len(name) < 1 || len(name) > FileNameBytesMax || strings.Trim(name, letters) != "" {
		return fmt.Errorf("kv: %q is not the name of a file", name)
	}
	return nil
}

func (b *bulk) path(name string) string { return filepath.Join(b.dir, name[:1], name) }

func (b *bulk) lock(name string) *sync.Mutex {
	return &b.locks[maphash.String(b.seed, name)%fileLocks]
}

func (b *bulk) Write(name string, parts ...[]byte) error {
	if err := CheckFileName(name); err != nil {
		return err
	}
	bytes := 0
	for _, p := range parts {
		bytes += len(p)
	}
	return b.store.call(func() error {
		if err := checkRoom(b.store.options, b.store.dir, b.store.options.ReserveBytes, bytes); err != nil {
			return err
		}
		lock := b.lock(name)
		lock.Lock()
		defer lock.Unlock()
		return classifyWrite(b.write(b.path(name), parts))
	})
}

// write makes a new file in place: a crash before it is whole leaves a part of
// a file that nothing speaks of. It replaces an existing one by renaming.
func (b *bulk) write(path string, parts [][]byte) error {
	target := path
	if _, err := os.Lstat(path); err == nil {
		target += newSuffix
	}
	err := writeParts(target, parts)
	if errors.Is(err, fs.ErrNotExist) {
		if err = b.makeDir(filepath.Dir(path)); err == nil {
			err = writeParts(target, parts)
		}
	}
	if err == nil && target != path {
		err = os.Rename(target, path)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(target))
	}
	return syncPath(filepath.Dir(path))
}

// makeDir makes a directory of files, durably.
func (b *bulk) makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return errors.Join(syncPath(b.dir), syncPath(b.store.dir))
}

func writeParts(path string, parts [][]byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if _, err = f.Write(p); err != nil {
			break
		}
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (b *bulk) Read(name string, p []byte, offset int64) error {
	if CheckFileName(name) != nil {
		return ErrNotFound
	}
	return b.store.call(func() error {
		f, err := os.Open(b.path(name))
		if errors.Is(err, fs.ErrNotExist) {
			return ErrNotFound
		}
		if err != nil {
			return fmt.Errorf("kv: read file: %w", err)
		}
		defer f.Close()
		if _, err := io.ReadFull(io.NewSectionReader(f, offset, int64(len(p))), p); err != nil {
			return fmt.Errorf("%w: file %s: %v", ErrDamaged, name, err)
		}
		return nil
	})
}

func (b *bulk) Remove(name string) error {
	if CheckFileName(name) != nil {
		return nil
	}
	return b.store.call(func() error {
		lock := b.lock(name)
		lock.Lock()
		defer lock.Unlock()
		if err := os.Remove(b.path(name)); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

func (b *bulk) Names(fn func(name string) error) error {
	dirs, err := os.ReadDir(b.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, d := range dirs {
		files, err := os.ReadDir(filepath.Join(b.dir, d.Name()))
		if err != nil {
			return err
		}
		for _, f := range files {
			if CheckFileName(f.Name()) != nil {
				continue
			}
			if err := fn(f.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// sweepNew removes what a crash has left of files that were to replace others.
func sweepNew(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, filesDir, "*", "*"+newSuffix))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}
