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

// SourceConfig says what of a directory tree is to be stored.
type SourceConfig struct {
	Root string
	// Skip is told what is left out because it cannot be stored, and why.
	Skip func(path string, err error)
	// Exclude are patterns of what is left out on purpose, beside those in
	// IgnoreFile.
	Exclude []string
	// There is what stands at the destination; nil if nothing does, or if all is
	// to be stored again.
	There *Listing
	// Checksum says that sizes and times prove nothing: all content is sent.
	Checksum bool
	// Delete says that what stands at the destination and not in the tree is to
	// be removed. What was skipped or excluded is left alone.
	Delete bool
}

// Source reads a directory tree that is to be stored. It is an api.TreeReader.
// Links are stored as links. What cannot be stored is skipped and named; what is
// at the destination already is passed over.
type Source struct {
	SourceConfig
	ignores *ignores
	pending []string // paths below root yet to come, the next one last
	begun   bool
	next    *api.TreeEntry // looked at, and not given yet
	left    map[string]bool
	file    *os.File
	rest    int64 // bytes of file yet to come
	name    string

	// Same counts what was passed over, Gone what is to be removed, Excluded
	// what was left out on purpose.
	Same, Gone, Excluded int
	SameBytes            int64
}

// NewSource returns the tree. The error is of kind Usage for a bad pattern.
func NewSource(c SourceConfig) (*Source, error) {
	ignores, err := newIgnores(c.Exclude)
	if err != nil {
		return nil, errs.New("exclude", "", errs.Usage, err)
	}
	return &Source{SourceConfig: c, ignores: ignores, left: make(map[string]bool)}, nil
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
		e, err := s.look("")
		if err == nil {
			err = s.descend("")
		}
		return e, Failure("read", s.Root, err)
	}
	for {
		if s.next == nil {
			s.advance()
		}
		e, given, err := s.give()
		if given || err != nil {
			return e, err
		}
	}
}

// advance looks at the next entry that can be stored; there is none at the end.
func (s *Source) advance() {
	for len(s.pending) > 0 {
		last := len(s.pending) - 1
		path := s.pending[last]
		s.pending = s.pending[:last]
		e, err := s.look(path)
		if err == nil && s.ignores.ignored(path, e.Kind == api.Dir) {
			s.Excluded++
			s.left[path] = true
			continue
		}
		if err == nil {
			s.next = &e
			return
		}
		s.skip(path, err)
	}
}

func (s *Source) skip(path string, err error) {
	s.left[path] = true
	s.Skip(filepath.Join(s.Root, path), err)
}

// give returns the next entry of the tree, or the removal of something that is
// at the destination before it. Both come in the same order.
func (s *Source) give() (e api.TreeEntry, given bool, err error) {
	there, order, err := s.compare()
	if err != nil {
		return e, true, err
	}
	switch {
	case order < 0: // it is not in the tree
		s.There.pass()
		if !s.Delete || s.isLeft(string(there.Path), there.Kind == api.Dir) {
			return e, false, nil
		}
		return s.remove(there.Path), true, nil
	case s.next == nil:
		return e, true, io.EOF
	case order == 0 && s.Delete && (there.Kind == api.Dir) != (s.next.Kind == api.Dir):
		return s.remove(there.Path), true, nil // and then comes what is there instead
	case order == 0:
		s.There.pass()
	}
	e, s.next = *s.next, nil
	if order == 0 && s.same(e, there) {
		s.Same++
		s.SameBytes += e.Size
		return e, false, nil
	}
	if err := s.prepare(&e); err != nil {
		s.skip(string(e.Path), err)
		return e, false, nil
	}
	return e, true, nil
}

// compare returns the next entry at the destination, its path from the root of
// the tree, and whether it comes before, with or after the next of the tree.
func (s *Source) compare() (there api.Entry, order int, err error) {
	if s.There == nil {
		return there, 1, nil
	}
	there, found, err := s.There.peek()
	switch {
	case err != nil || !found:
		return there, 1, err
	case s.next == nil:
		return there, -1, nil
	}
	return there, comparePaths(there.Path, s.next.Path), nil
}

func (s *Source) remove(path api.Path) api.TreeEntry {
	s.There.passBelow(path)
	s.Gone++
	return api.TreeEntry{Path: path, Gone: true}
}

// isLeft reports whether something at the destination stands for what the tree
// has but could not give, or is excluded: then its absence says nothing.
func (s *Source) isLeft(path string, isDir bool) bool {
	for {
		if s.left[path] || s.ignores.ignored(path, isDir) {
			return true
		}
		i := strings.LastIndexByte(path, '/')
		if i < 0 {
			return false
		}
		path, isDir = path[:i], true
	}
}

// same reports whether an entry need not be stored again. Directories always
// come: what is in them is named after them.
func (s *Source) same(e api.TreeEntry, there api.Entry) bool {
	return !s.Checksum && e.Kind != api.Dir && e.Kind == there.Kind && e.Mode == there.Mode && e.ModTime.Equal(there.ModTime) &&
		e.Size == there.Size && e.Target == there.Target && !there.Thin
}

var errSpecial = errors.New("not a file, directory or symbolic link")

// look reads what an entry is.
func (s *Source) look(path string) (e api.TreeEntry, err error) {
	full := filepath.Join(s.Root, path)
	info, err := os.Lstat(full)
	if err == nil && path == "" {
		info, err = os.Stat(full) // the root may be named by a link
	}
	if err != nil {
		return e, err
	}
	e = api.TreeEntry{Path: api.Path(path), Mode: Mode(info), ModTime: Time(info.ModTime())}
	switch info.Mode().Type() {
	case 0:
		e.Kind, e.Size = api.File, info.Size()
	case fs.ModeDir:
		e.Kind = api.Dir
	case fs.ModeSymlink:
		e.Kind = api.Symlink
		target, err := os.Readlink(full)
		e.Target = api.Path(target)
		return e, err
	default:
		return e, errSpecial
	}
	return e, nil
}

// prepare opens a file for Read, and makes the entries of a directory pending.
func (s *Source) prepare(e *api.TreeEntry) error {
	path := string(e.Path)
	switch e.Kind {
	case api.File:
		return s.open(filepath.Join(s.Root, path), e)
	case api.Dir:
		// One that cannot be read is stored all the same; what is in it is left
		// out.
		if err := s.descend(path); err != nil {
			s.skip(path, err)
		}
	}
	return nil
}

// descend makes the entries of a directory pending.
func (s *Source) descend(path string) error {
	names, err := readNames(filepath.Join(s.Root, path))
	if err == nil {
		err = s.ignores.enter(s.Root, path)
	}
	if err != nil {
		return err
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
	s.file, s.rest, s.name = f, e.Size, full
	return nil
}

// Read implements api.TreeReader. It gives as many bytes as the entry said: a
// file that grows meanwhile is cut there, one that shrinks is an error.
func (s *Source) Read(p []byte) (int, error) {
	if s.file == nil || s.rest == 0 {
		return 0, io.EOF
	}
	n, err := s.file.Read(p[:min(int64(len(p)), s.rest)])
	s.rest -= int64(n)
	if err == io.EOF {
		err = errs.Hint(errs.New("", "", errs.Other, fmt.Errorf("it lost %d bytes while it was read", s.rest)),
			"put it again when nothing changes it, or put a snapshot")
	}
	if err != nil {
		return n, Failure("read", s.name, err)
	}
	return n, nil
}
