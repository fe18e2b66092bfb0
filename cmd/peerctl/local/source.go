package local

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/errs"
)

// Source reads a directory tree that is to be stored. It is an api.TreeReader.
// Links are stored as links. What cannot be stored is skipped and named.
type Source struct {
	root    string
	skip    func(path string, err error)
	pending []string // paths below root yet to come, the next one last
	begun   bool
	file    *os.File
	left    int64 // bytes of file yet to come
	name    string
}

// NewSource returns the tree at root. skip is told what is left out, and why.
func NewSource(root string, skip func(path string, err error)) *Source {
	return &Source{root: root, skip: skip}
}

// Close closes what is open.
func (s *Source) Close() error {
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	return f.Close()
}

// Next implements api.TreeReader.
func (s *Source) Next() (api.TreeEntry, error) {
	if err := s.Close(); err != nil {
		return api.TreeEntry{}, err
	}
	if !s.begun {
		s.begun = true
		e, err := s.entry("")
		return e, Failure("read", s.root, err)
	}
	for len(s.pending) > 0 {
		last := len(s.pending) - 1
		path := s.pending[last]
		s.pending = s.pending[:last]
		e, err := s.entry(path)
		if err == nil {
			return e, nil
		}
		s.skip(filepath.Join(s.root, path), err)
	}
	return api.TreeEntry{}, io.EOF
}

var errSpecial = errors.New("not a file, directory or symbolic link")

// entry reads what is at a path below the root. A directory's entries become
// pending; a file is open then.
func (s *Source) entry(path string) (api.TreeEntry, error) {
	full := filepath.Join(s.root, path)
	info, err := os.Lstat(full)
	if err == nil && path == "" {
		info, err = os.Stat(full) // the root may be named by a link
	}
	if err != nil {
		return api.TreeEntry{}, err
	}
	e := api.TreeEntry{Path: api.Path(path), Mode: Mode(info), ModTime: Time(info.ModTime())}
	switch info.Mode().Type() {
	case 0:
		e.Kind = api.File
		return e, s.open(full, &e)
	case fs.ModeDir:
		e.Kind = api.Dir
		return e, s.descend(path)
	case fs.ModeSymlink:
		e.Kind = api.Symlink
		target, err := os.Readlink(full)
		e.Target = api.Path(target)
		return e, err
	}
	return e, errSpecial
}

// descend makes the entries of a directory pending. One that cannot be read is
// stored all the same, but for the root; what is in it is left out.
func (s *Source) descend(path string) error {
	full := filepath.Join(s.root, path)
	names, err := readNames(full)
	if err != nil && path == "" {
		return err
	}
	if err != nil {
		s.skip(full, err)
		return nil
	}
	slices.SortFunc(names, func(a, b string) int { return strings.Compare(b, a) })
	for _, name := range names {
		s.pending = append(s.pending, filepath.Join(path, name))
	}
	return nil
}

func readNames(path string) ([]string, error) {
	d, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	names, err := d.Readdirnames(-1)
	return names, errors.Join(err, d.Close())
}

// open opens a file for Read. It may have become something else by now; a
// pipe's other end is not waited for.
func (s *Source) open(full string, e *api.TreeEntry) error {
	f, err := os.OpenFile(full, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errSpecial
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	e.Mode, e.ModTime, e.Size = Mode(info), Time(info.ModTime()), info.Size()
	s.file, s.left, s.name = f, e.Size, full
	return nil
}

// Read implements api.TreeReader. It gives as many bytes as the entry said: a
// file that grows meanwhile is cut there, one that shrinks is an error.
func (s *Source) Read(p []byte) (int, error) {
	if s.file == nil || s.left == 0 {
		return 0, io.EOF
	}
	n, err := s.file.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	if err == io.EOF {
		err = errs.Hint(errs.New("", "", errs.Other, fmt.Errorf("it lost %d bytes while it was read", s.left)),
			"put it again when nothing changes it, or put a snapshot")
	}
	if err != nil {
		return n, Failure("read", s.name, err)
	}
	return n, nil
}
