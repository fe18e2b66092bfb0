package objects

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/envelope"
	"github.com/atollnet/atoll/objects/tree"
	"github.com/atollnet/atoll/objects/update"
)

// Entry is a file, directory or symbolic link as a reader with its key sees it.
type Entry struct {
	Path string // below the reference's node; "" is that node itself
	Name string // the last part of Path
	Kind update.EntryKind
	ID   wire.NodeID
	Key  envelope.NodeKey
	Attr envelope.Attr
	Size int64 // of a file, in bytes

	// Changed is the version that last changed this entry.
	Changed wire.Version
}

// IsDir reports whether the entry is a directory.
func (e *Entry) IsDir() bool { return e.Kind == update.KindDir }

// Defaults for the node that a bare reference names: nothing above it says
// more.
const (
	defaultDirMode  = 0o755
	defaultFileMode = 0o644
)

// Place returns the entry that a place names.
func (s *Snapshot) Place(ctx context.Context, p Place) (*Entry, error) {
	e, err := s.Node(ctx, p.Node, p.Key)
	if p.Root && errs.KindOf(err) == errs.NotFound {
		return s.unnamed(p.Node, p.Key), nil
	}
	return e, err
}

// Node returns the entry that a reference without a path names: its self entry
// if it has one. Else, a file has a size in the state and a directory entries.
// What has neither is not there, unless nothing at all is: then it may be the
// root of an empty volume.
func (s *Snapshot) Node(ctx context.Context, id wire.NodeID, key envelope.NodeKey) (*Entry, error) {
	if e, found, err := s.selfEntry(ctx, id, key); found || err != nil {
		if err == nil && e.Kind == update.KindFile {
			_, err = s.size(ctx, e)
		}
		return e, err
	}
	e := s.unnamed(id, key)
	isFile, err := s.size(ctx, e)
	if isFile {
		e.Kind, e.Attr.Mode = update.KindFile, defaultFileMode
	}
	if isFile || err != nil {
		return e, err
	}
	there, err := s.any(ctx, id, id)
	if err == nil && !there {
		var others bool
		if others, err = s.any(ctx, wire.NodeID{}, nodeIDMax); others {
			err = errs.New("open reference", id.String(), errs.NotFound, fmt.Errorf("there is nothing of that name in version %d", s.Version))
		}
	}
	return e, err
}

// nodeIDMax is the last of all node ids.
var nodeIDMax = wire.NodeID(bytes.Repeat([]byte{0xff}, len(wire.NodeID{})))

// any reports whether a directory from one id to another has an entry.
func (s *Snapshot) any(ctx context.Context, from, to wire.NodeID) (bool, error) {
	lo, _ := update.DirRange(from)
	_, hi := update.DirRange(to)
	for _, err := range s.state.Scan(ctx, lo, hi) {
		return err == nil, err
	}
	return false, nil
}

// unnamed returns what is known of a directory by its id and key alone.
func (s *Snapshot) unnamed(id wire.NodeID, key envelope.NodeKey) *Entry {
	return &Entry{
		ID: id, Key: key, Kind: update.KindDir, Changed: s.Version,
		Attr: envelope.Attr{Mode: defaultDirMode, Sec: s.Time.Unix()},
	}
}

// size fills in what the executor keeps of a file.
func (s *Snapshot) size(ctx context.Context, e *Entry) (found bool, err error) {
	info, changed, found, err := s.fileInfo(ctx, e.ID)
	if err != nil || !found {
		return false, err
	}
	e.Size = int64(info.Size)
	if changed > e.Changed {
		err = s.grown(ctx, e)
	}
	return true, err
}

// fileInfo returns what the executor keeps of a file, and since which version.
func (s *Snapshot) fileInfo(ctx context.Context, file wire.NodeID) (info update.FileInfo, changed wire.Version, found bool, err error) {
	raw, found, err := s.state.Get(ctx, update.FileKey(file))
	if err != nil || !found {
		return info, 0, false, err
	}
	info, err = update.ParseFileInfo(raw.Value)
	return info, raw.Changed, err == nil, err
}

// grown takes in when a file was appended to. That leaves its entry as it is, so
// that appends do not conflict, and gives its self entry another time.
func (s *Snapshot) grown(ctx context.Context, e *Entry) error {
	self, found, err := s.selfEntry(ctx, e.ID, e.Key)
	if err == nil && found && self.Changed > e.Changed && self.Attr != e.Attr {
		e.Attr, e.Changed = self.Attr, self.Changed
	}
	return err
}

// Lookup resolves a path below an entry. The error is of kind NotFound where
// there is no such entry.
func (s *Snapshot) Lookup(ctx context.Context, from *Entry, path string) (*Entry, error) {
	at := from
	for name := range strings.SplitSeq(path, "/") {
		if name == "" {
			continue
		}
		if !at.IsDir() {
			return nil, errs.New("look up", display(path), errs.NotFound, fmt.Errorf("%s is not a directory", display(at.Path)))
		}
		next, found, err := s.child(ctx, at, name)
		if err != nil {
			return nil, err
		}
		if !found {
			return nil, errs.New("look up", display(join(at.Path, name)), errs.NotFound, fmt.Errorf("no such file or directory in version %d", s.Version))
		}
		at = next
	}
	return at, nil
}

// child returns the entry of a name in a directory.
func (s *Snapshot) child(ctx context.Context, dir *Entry, name string) (*Entry, bool, error) {
	key := update.DirEntryKey(dir.ID, dir.Key.Secrets().SealName(dir.ID, name))
	e, found, err := s.state.Get(ctx, key)
	if err != nil || !found {
		return nil, false, err
	}
	entry, err := s.open(ctx, dir, name, e)
	return entry, true, err
}

// open opens a directory entry with the key of its directory.
func (s *Snapshot) open(ctx context.Context, dir *Entry, name string, raw tree.Entry) (*Entry, error) {
	value, err := update.ParseDirEntry(raw.Value)
	if err != nil {
		return nil, errs.New("read directory", display(dir.Path), errs.Damaged, err)
	}
	e := &Entry{Path: join(dir.Path, name), Name: name, Kind: value.Kind, ID: value.Child, Changed: raw.Changed}
	secrets := dir.Key.Secrets()
	if e.Key, err = secrets.OpenChildKey(e.ID, value.SealedKey); err != nil {
		return nil, errs.New("open entry", display(e.Path), errs.Refused, err)
	}
	if e.Attr, err = secrets.OpenAttr(e.ID, value.SealedAttr); err != nil {
		return nil, errs.New("open entry", display(e.Path), errs.Refused, err)
	}
	if e.Kind == update.KindFile {
		_, err = s.size(ctx, e)
	}
	return e, err
}

// List yields the entries of a directory. Their order is that of the sealed
// names: it has no meaning, but it is the same for everybody.
func (s *Snapshot) List(ctx context.Context, dir *Entry) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		secrets := dir.Key.Secrets()
		self := selfKey(dir.ID, secrets)
		lo, hi := update.DirRange(dir.ID)
		for raw, err := range s.state.Scan(ctx, lo, hi) {
			if err != nil {
				yield(nil, err)
				return
			}
			if bytes.Equal(raw.Key, self) {
				continue
			}
			entry, err := s.listed(ctx, dir, secrets, raw)
			if !yield(entry, err) || err != nil {
				return
			}
		}
	}
}

func (s *Snapshot) listed(ctx context.Context, dir *Entry, secrets envelope.Secrets, raw tree.Entry) (*Entry, error) {
	_, sealed, err := update.ParseDirEntryKey(raw.Key)
	if err != nil {
		return nil, errs.New("read directory", display(dir.Path), errs.Damaged, err)
	}
	name, err := secrets.OpenName(dir.ID, sealed)
	if err != nil {
		return nil, errs.New("read directory", display(dir.Path), errs.Refused, err)
	}
	return s.open(ctx, dir, name, raw)
}

// depthMax bounds recursion.
const depthMax = 4096

// errNested is the error where directories do not end: a hostile writer can
// make one its own descendant.
func errNested(path string) error {
	return errs.Newf("walk", display(path), errs.Damaged, "a directory is its own descendant, or more than %d deep", depthMax)
}

// Walk yields all entries below a directory, each directory before what is in
// it.
func (s *Snapshot) Walk(ctx context.Context, dir *Entry) iter.Seq2[*Entry, error] {
	return func(yield func(*Entry, error) bool) {
		s.walk(ctx, dir, nil, yield)
	}
}

func (s *Snapshot) walk(ctx context.Context, dir *Entry, above []wire.NodeID, yield func(*Entry, error) bool) bool {
	if len(above) > depthMax || slices.Contains(above, dir.ID) {
		yield(nil, errNested(dir.Path))
		return false
	}
	for e, err := range s.List(ctx, dir) {
		if !yield(e, err) || err != nil {
			return false
		}
		if e.IsDir() && !s.walk(ctx, e, append(above, dir.ID), yield) {
			return false
		}
	}
	return true
}

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// display returns a path as it stands in messages.
func display(path string) string { return "/" + envelope.EncodePath(path) }
