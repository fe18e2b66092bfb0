package local

import (
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/atollnet/atoll/internal/api"
)

// Options say how fetched entries are written.
type Options struct {
	SpecialModes bool // restore set-user-ID and set-group-ID too
}

func (o Options) mode(m uint32) os.FileMode {
	mode := os.FileMode(m & 0o777)
	if m&0o1000 != 0 {
		mode |= os.ModeSticky
	}
	if o.SpecialModes && m&0o4000 != 0 {
		mode |= os.ModeSetuid
	}
	if o.SpecialModes && m&0o2000 != 0 {
		mode |= os.ModeSetgid
	}
	return mode
}

// bufferBytes is how much content is copied at once.
const bufferBytes = 256 << 10

// Dir is an open directory that entries are put into. Nothing that is in it, or
// that comes, can lead out of it.
type Dir struct {
	Options
	root   *os.Root
	file   *os.File // the same directory
	buffer []byte
}

// OpenDir opens a directory.
func OpenDir(path string, o Options) (*Dir, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	return newDir(root, o, make([]byte, bufferBytes))
}

func newDir(root *os.Root, o Options, buffer []byte) (*Dir, error) {
	file, err := root.Open(".")
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &Dir{Options: o, root: root, file: file, buffer: buffer}, nil
}

// Close closes the directory.
func (d *Dir) Close() error { return errors.Join(d.file.Close(), d.root.Close()) }

const temporaryPrefix = ".atoll-"

// temporary returns a name that nothing has.
func temporary() string { return temporaryPrefix + rand.Text() }

// isTemporary reports whether temporary may have made a name.
func isTemporary(name string) bool {
	rest, found := strings.CutPrefix(name, temporaryPrefix)
	return found && len(rest) == len(rand.Text()) && strings.ToUpper(rest) == rest
}

// File puts a file into the directory: under a temporary name until the content
// is whole, then under its own, in the place of what had that name.
func (d *Dir) File(name string, e api.Entry, content io.Reader) error {
	return d.put(name, e, func(temp string) error { return d.write(temp, e, content) })
}

func (d *Dir) write(name string, e api.Entry, content io.Reader) error {
	f, err := d.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, struct{ io.Reader }{content}, d.buffer)
	if err == nil {
		err = f.Chmod(d.mode(e.Mode))
	}
	return errors.Join(err, f.Close())
}

// Symlink puts a symbolic link into the directory.
func (d *Dir) Symlink(name string, e api.Entry) error {
	return d.put(name, e, func(temp string) error { return d.root.Symlink(string(e.Target), temp) })
}

func (d *Dir) put(name string, e api.Entry, make func(temp string) error) error {
	if err := checkName(name); err != nil {
		return err
	}
	temp := temporary()
	err := make(temp)
	if err == nil {
		err = setTime(d.file, temp, e.ModTime)
	}
	if err == nil {
		err = d.root.Rename(temp, name)
	}
	if err != nil {
		_ = d.root.Remove(temp) // if it was made at all
	}
	return err
}

var errName = errors.New("not a name that a file can have here")

func checkName(name string) error {
	if name == "" || name == "." || name == ".." || filepath.Base(name) != name {
		return &os.PathError{Op: "write", Path: name, Err: errName}
	}
	return nil
}
