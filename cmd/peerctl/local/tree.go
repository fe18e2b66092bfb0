package local

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/atollnet/atoll/internal/api"
)

// Tree is a directory tree that is being fetched. If its directory was absent,
// the tree grows beside it under another name and appears when it is whole; what
// grew of it before a failure is gone on with. If the directory was there, what
// comes is merged into it, each file when that is whole, and it keeps its own
// mode.
type Tree struct {
	Options
	// Begun says that something may be there already, which Has tells of.
	Begun bool

	path  string // where it is to be
	temp  string // where it grows; "" when merging
	whole bool   // temp holds something that is worth keeping
	root  *os.Root
	dirs  []dir  // directories to finish, parents first
	place *Dir   // the directory of the last entry
	at    string // its path
}

// dir is a directory that gets its mode and time last, so that it can be
// written to until then.
type dir struct {
	path  string
	entry api.Entry
	chmod bool
}

// NewTree starts a tree at path. What another start with this source and version
// left is gone on with; what one with this source and another version left is
// removed.
func NewTree(path, source string, version uint64, o Options) (*Tree, error) {
	t := &Tree{Options: o, path: filepath.Clean(path)}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = t.begin(source, version)
	case err == nil && !info.IsDir():
		err = &fs.PathError{Op: "write tree", Path: path, Err: errInTheWay}
	case err == nil:
		t.Begun = true
	}
	if err != nil {
		return nil, err
	}
	t.root, err = os.OpenRoot(t.growsAt())
	if err != nil {
		_, abort := t.Abort()
		return nil, errors.Join(err, abort)
	}
	return t, nil
}

// begin finds or makes the directory where the tree grows.
func (t *Tree) begin(source string, version uint64) error {
	stem := filepath.Join(filepath.Dir(t.path), temporaryPrefix+digest(source, filepath.Base(t.path))+"-")
	t.temp = stem + strconv.FormatUint(version, 10)
	left, err := filepath.Glob(globQuote(stem) + "*")
	if err != nil {
		return err
	}
	for _, path := range left {
		if path == t.temp {
			t.Begun, t.whole = true, true
			if err := tidy(path); err != nil {
				return err
			}
		} else if err := removeAll(path); err != nil {
			return err
		}
	}
	if t.Begun {
		return nil
	}
	return os.Mkdir(t.temp, 0o700)
}

// digest names what is fetched without telling the keys in it.
func digest(source, base string) string {
	sum := sha256.Sum256([]byte(source + "\x00" + base))
	return hex.EncodeToString(sum[:10])
}

var globMeta = strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`)

func globQuote(path string) string { return globMeta.Replace(path) }

// Has reports whether an entry is there as it would be written: files by size,
// mode and time. Links and directories are quickly written again.
func (t *Tree) Has(path api.Path, e api.Entry) bool {
	if e.Kind != api.File || path == "" {
		return false
	}
	info, err := t.root.Lstat(string(path))
	return err == nil && info.Mode() == t.mode(e.Mode) && info.Size() == e.Size && info.ModTime().Equal(e.ModTime)
}

var errInTheWay = errors.New("a file is in the way of a directory")

func (t *Tree) growsAt() string {
	if t.temp != "" {
		return t.temp
	}
	return t.path
}

// Add puts the next entry in its place; path is relative to the tree's root, ""
// for the root itself, which comes first. content is that of a file.
func (t *Tree) Add(path api.Path, e api.Entry, content io.Reader) error {
	if path == "" {
		return t.addRoot(e)
	}
	place, err := t.open(filepath.Dir(string(path)))
	if err != nil {
		return err
	}
	name := filepath.Base(string(path))
	switch e.Kind {
	case api.Dir:
		return t.mkdir(place, name, string(path), e)
	case api.Symlink:
		return place.Symlink(name, e)
	}
	if err := place.File(name, e, content); err != nil {
		return err
	}
	t.whole = true
	return nil
}

func (t *Tree) addRoot(e api.Entry) error {
	if e.Kind != api.Dir {
		return &fs.PathError{Op: "write tree", Path: t.path, Err: errors.New("its root is a " + string(e.Kind))}
	}
	t.dirs = append(t.dirs, dir{".", e, t.temp != ""})
	return nil
}

func (t *Tree) mkdir(place *Dir, name, path string, e api.Entry) error {
	if err := checkName(name); err != nil {
		return err
	}
	err := place.root.Mkdir(name, 0o700)
	if errors.Is(err, fs.ErrExist) {
		// A link to a directory is in the way too: what comes below would land
		// where it leads.
		info, lost := place.root.Lstat(name)
		if err = lost; err == nil && !info.IsDir() {
			err = &fs.PathError{Op: "make directory", Path: path, Err: errInTheWay}
		}
	}
	if err == nil {
		t.dirs = append(t.dirs, dir{path, e, true})
	}
	return err
}

// open returns the directory at a path in the tree, which stays open until
// another one is wanted.
func (t *Tree) open(path string) (*Dir, error) {
	if t.place != nil && t.at == path {
		return t.place, nil
	}
	buffer := t.leave()
	root, err := t.root.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	place, err := newDir(root, t.Options, buffer)
	if err != nil {
		return nil, err
	}
	t.place, t.at = place, path
	return place, nil
}

// leave closes the present directory and returns its buffer. It was only read
// from, as a directory: closing cannot lose anything.
func (t *Tree) leave() []byte {
	if t.place == nil {
		return make([]byte, bufferBytes)
	}
	_ = t.place.Close()
	buffer := t.place.buffer
	t.place = nil
	return buffer
}

// Finish gives directories their modes and times and, if the tree grew beside
// its place, moves it there.
func (t *Tree) Finish() error {
	t.leave()
	for _, d := range slices.Backward(t.dirs) {
		if err := t.finish(d); err != nil {
			return err
		}
	}
	if err := t.root.Close(); err != nil {
		return err
	}
	if t.temp == "" {
		return nil
	}
	if err := os.Rename(t.temp, t.path); err != nil {
		return err
	}
	t.temp = ""
	return nil
}

func (t *Tree) finish(d dir) error {
	f, err := t.root.Open(d.path)
	if err != nil {
		return err
	}
	err = setTime(f, ".", d.entry.ModTime)
	if err == nil && d.chmod {
		err = f.Chmod(t.mode(d.entry.Mode)) // last: it may close the directory to us
	}
	return errors.Join(err, f.Close())
}

// Abort gives up, and reports whether what came is kept, for the next start to go
// on with: each file that was merged, or that grew beside its place, is whole.
// After a Finish that succeeded it does nothing.
func (t *Tree) Abort() (kept bool, err error) {
	t.leave()
	if t.root != nil {
		_ = t.root.Close()
	}
	if t.temp == "" || t.whole {
		return t.whole && t.temp != "", nil
	}
	return false, removeAll(t.temp)
}

// tidy makes what a broken start left ready to be gone on with: directories may
// have their final modes already, and files be there that are not whole.
func tidy(path string) error {
	if err := openUp(path); err != nil {
		return err
	}
	return filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		if err == nil && isTemporary(d.Name()) && !d.IsDir() {
			err = os.Remove(path) // fetched again if it was an entry's own name
		}
		return err
	})
}

// openUp lets this user at all directories of a tree.
func openUp(path string) error {
	return filepath.WalkDir(path, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o700)
		}
		return err
	})
}

func removeAll(path string) error {
	// Directories may have their final modes already, which may forbid this.
	return errors.Join(openUp(path), os.RemoveAll(path))
}
