package update

import (
	"context"
	"fmt"
	"slices"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/tree"
)

// Parent is the value of a `p` key: the directory entry that named a node last.
// The executor keeps it, so that what changed can be found from below, and that
// a writer's scope can be judged, at the cost of the depth of a tree and not of
// its size. It may be stale: who climbs by it comes down again by entries.
type Parent struct {
	_   struct{} `cbor:",toarray"`
	Dir wire.NodeID
	// Name is the sealed name of a directory or link; that of a file is empty,
	// since they are many and one directory is soon searched.
	Name []byte
}

// Encode returns the value.
func (p Parent) Encode() []byte { return wire.Marshal(p) }

// ParseParent parses the value of a `p` key.
func ParseParent(b []byte) (Parent, error) { return parse[Parent](b) }

func (p *Parent) valid() error {
	if len(p.Name) > SealedNameBytesMax {
		return fmt.Errorf("parent with a sealed name of %d bytes", len(p.Name))
	}
	return nil
}

// ReadParent returns the entry that named a node last, if the state knows one:
// not that of an object's root, nor of what older releases wrote.
func ReadParent(ctx context.Context, r tree.Reader, node wire.NodeID) (Parent, bool, error) {
	return get(ctx, r, ParentKey(node), ParseParent)
}

// climbMax bounds how deep below a writer's scope he may write, in directories.
// Each costs an operation.
const climbMax = 4096

// name notes that a directory entry names its child. A self entry does not.
func (c *clause) name(k []byte, entry DirEntry) error {
	dir, sealed, err := ParseDirEntryKey(k)
	if err != nil || dir == entry.Child {
		return err
	}
	p := Parent{Dir: dir, Name: []byte{}}
	if entry.Kind != KindFile {
		p.Name = slices.Clone(sealed)
	}
	return c.next.Set(ParentKey(entry.Child), p.Encode())
}

// unname forgets the entry that named a child last, once it is gone and nothing
// is below the child: until then its content can be found, and taken away by
// whoever could write there. Files are forgotten with their blocks.
func (c *clause) unname(k []byte, entry DirEntry) error {
	dir, sealed, err := ParseDirEntryKey(k)
	if err != nil || dir == entry.Child || entry.Kind == KindFile {
		return err
	}
	p, found, err := ReadParent(c.ctx, c.next, entry.Child)
	if err != nil || !found || p.Dir != dir || !slices.Equal(p.Name, sealed) {
		return err
	}
	if entry.Kind == KindDir {
		empty, err := c.empty(DirRange(entry.Child))
		if err != nil || !empty {
			return err
		}
	}
	c.next.Delete(ParentKey(entry.Child))
	return nil
}

// emptied forgets what named a directory once that has been emptied, if the
// entry is gone.
func (c *clause) emptied(lo, hi []byte) error {
	if !isDirPrefix(lo) {
		return nil
	}
	dir := wire.NodeID(lo[1:])
	if from, to := DirRange(dir); !slices.Equal(lo, from) || !slices.Equal(hi, to) {
		return nil
	}
	p, found, err := ReadParent(c.ctx, c.next, dir)
	if err != nil || !found || len(p.Name) == 0 {
		return err
	}
	entry, there, err := get(c.ctx, c.next, DirEntryKey(p.Dir, p.Name), ParseDirEntry)
	if err == nil && (!there || entry.Child != dir) {
		c.next.Delete(ParentKey(dir))
	}
	return err
}

// inScope reports whether everything that an action touches lies below the
// author's scope. The ring lies in nobody's; allowed judges it.
func (c *clause) inScope(a *Action) (bool, error) {
	if c.writer.Scope.IsZero() || a.Kind == actReconfigure {
		return true, nil
	}
	nodes, ok := a.touches()
	if !ok {
		return false, nil
	}
	for _, n := range nodes {
		if within, err := c.covers(n); !within || err != nil {
			return false, err
		}
	}
	return true, nil
}

// touches returns the nodes that an action changes or names. It is not ok if
// they cannot be told: a range over several directories.
func (a *Action) touches() (nodes []wire.NodeID, ok bool) {
	for _, k := range [][]byte{a.Key, a.To} {
		if len(k) == 0 {
			continue
		}
		if len(k) < 1+len(wire.NodeID{}) || a.Kind == actDeleteRange && len(nodes) > 0 {
			break
		}
		nodes = append(nodes, wire.NodeID(k[1:1+len(wire.NodeID{})]))
	}
	switch a.Kind {
	case actSet:
		entry, err := ParseDirEntry(a.Value)
		return append(nodes, entry.Child), err == nil && len(nodes) > 0
	case actDeleteRange:
		if len(nodes) == 0 {
			return nil, false
		}
		_, end := DirRange(nodes[0])
		return nodes, slices.Compare(a.To, end) <= 0
	case actRelease:
		return nil, false
	}
	return nodes, len(nodes) > 0
}

// covers reports whether a node is the author's scope, or lies below it, or is
// nowhere: a fresh one, or a file without a name.
func (c *clause) covers(n wire.NodeID) (bool, error) {
	for depth := range climbMax {
		if err := c.spend(); err != nil {
			return false, err
		}
		if n == c.writer.Scope {
			return true, nil
		}
		p, found, err := ReadParent(c.ctx, c.next, n)
		if err != nil {
			return false, err
		}
		if depth == 0 {
			if loose, err := c.loose(n, found); loose || err != nil {
				return loose, err
			}
		}
		if !found {
			return false, nil
		}
		n = p.Dir
	}
	return false, nil
}

// loose reports whether nothing names a node: a file that has lost its last name
// or not got one yet, or an id that stands for nothing.
func (c *clause) loose(n wire.NodeID, placed bool) (bool, error) {
	f, isFile, err := get(c.ctx, c.next, FileKey(n), ParseFileInfo)
	if isFile || placed || err != nil {
		return isFile && f.Links == 0, err
	}
	return c.empty(DirRange(n))
}
