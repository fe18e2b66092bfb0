package update

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/wire"
)

// The kinds of keys: each key of the state begins with one of these bytes.
const (
	kindAge     = 'a' // version · author · session: when sessions were last used
	kindBlock   = 'b' // file · offset
	kindSession = 'c' // author · session
	kindDir     = 'd' // directory · sealed name
	kindEpoch   = 'e' // epoch
	kindFile    = 'f' // file
	kindPolicy  = 'm'
	kindParent  = 'p' // node
	kindVersion = 'v' // version
	kindWriter  = 'w' // public key
	kindDeleted = 'z' // nothing: the object is deleted, and this its only key
	kindExtent  = 'x' // extent [· number of a part of its receipts]
)

// SealedNameBytesMax is the most bytes of a sealed name in a key.
const SealedNameBytesMax = wire.TreeKeyBytesMax - 1 - len(wire.NodeID{})

// ErrKey is returned for a key that is not of the kind asked for.
var ErrKey = errors.New("not a key of this kind")

func key(kind byte, parts ...[]byte) []byte {
	k := append(make([]byte, 0, 32), kind)
	for _, p := range parts {
		k = append(k, p...)
	}
	return k
}

// DirEntryKey returns the key of a directory's entry: `d` dir · sealed name.
func DirEntryKey(dir wire.NodeID, sealedName []byte) []byte {
	return key(kindDir, dir[:], sealedName)
}

// DirRange returns the range lo ≤ key < hi of the entries of a directory.
func DirRange(dir wire.NodeID) (lo, hi []byte) { return prefixRange(key(kindDir, dir[:])) }

// ParentKey returns the key of the Parent of a node: `p` node.
func ParentKey(node wire.NodeID) []byte { return key(kindParent, node[:]) }

// AllDirs returns the range lo ≤ key < hi of all directory entries.
func AllDirs() (lo, hi []byte) { return prefixRange([]byte{kindDir}) }

// AllFiles returns the range of all files' FileInfos.
func AllFiles() (lo, hi []byte) { return prefixRange([]byte{kindFile}) }

// AllBlocks returns the range of all BlockRefs.
func AllBlocks() (lo, hi []byte) { return prefixRange([]byte{kindBlock}) }

// FileKey returns the key of a file's FileInfo: `f` file.
func FileKey(file wire.NodeID) []byte { return key(kindFile, file[:]) }

// BlockKey returns the key of the BlockRef at an offset in bytes: `b` file ·
// offset.
func BlockKey(file wire.NodeID, offset uint64) []byte {
	return key(kindBlock, file[:], wire.Uint64(offset))
}

// BlockRange returns the range lo ≤ key < hi of all blocks of a file.
func BlockRange(file wire.NodeID) (lo, hi []byte) { return prefixRange(key(kindBlock, file[:])) }

// ExtentKey returns the key of an extent's ExtentFacts: `x` extent.
func ExtentKey(id wire.ExtentID) []byte { return key(kindExtent, id[:]) }

// ExtentsRange returns the range lo ≤ key < hi of the facts and receipts of all
// extents.
func ExtentsRange() (lo, hi []byte) { return prefixRange([]byte{kindExtent}) }

// receiptsKey returns the key of a part of an extent's receipts.
func receiptsKey(id wire.ExtentID, part int) []byte {
	return key(kindExtent, id[:], []byte{byte(part)})
}

// extentRange returns the range of all that is kept of an extent.
func extentRange(id wire.ExtentID) (lo, hi []byte) { return prefixRange(ExtentKey(id)) }

// VersionKey returns the key of a version's VersionInfo: `v` version.
func VersionKey(v wire.Version) []byte { return key(kindVersion, wire.Uint64(uint64(v))) }

// VersionRange returns the range lo ≤ key < hi of all retained versions.
func VersionRange() (lo, hi []byte) { return prefixRange([]byte{kindVersion}) }

// WriterKey returns the key of a writer's Writer: `w` public key.
func WriterKey(k wire.PublicKey) []byte { return key(kindWriter, k[:]) }

// WriterRange returns the range lo ≤ key < hi of all writers.
func WriterRange() (lo, hi []byte) { return prefixRange([]byte{kindWriter}) }

// SessionKey returns the key of a SessionWindow: `c` author · session.
func SessionKey(author wire.PublicKey, session wire.SessionID) []byte {
	return key(kindSession, author[:], session[:])
}

// ageKey returns the key that says when a session was last used.
func ageKey(latest wire.Version, author wire.PublicKey, session wire.SessionID) []byte {
	return key(kindAge, wire.Uint64(uint64(latest)), author[:], session[:])
}

// EpochKey returns the key of an epoch's RingEntry: `e` epoch.
func EpochKey(e wire.Epoch) []byte { return key(kindEpoch, wire.Uint64(uint64(e))) }

// PolicyKey returns the key of the Policy: `m`.
func PolicyKey() []byte { return []byte{kindPolicy} }

// parts cuts a key of the given kind into pieces of the given lengths; the
// rest is returned last. The pieces share the key's memory.
func parts(k []byte, kind byte, lengths ...int) ([][]byte, error) {
	total := 1
	for _, n := range lengths {
		total += n
	}
	if len(k) < total || k[0] != kind {
		return nil, fmt.Errorf("%w: %q", ErrKey, kind)
	}
	k = k[1:]
	out := make([][]byte, 0, len(lengths)+1)
	for _, n := range lengths {
		out = append(out, k[:n:n])
		k = k[n:]
	}
	return append(out, k), nil
}

// exact is parts for keys that have no rest.
func exact(k []byte, kind byte, lengths ...int) ([][]byte, error) {
	p, err := parts(k, kind, lengths...)
	if err == nil && len(p[len(lengths)]) > 0 {
		err = fmt.Errorf("%w: %q with bytes left over", ErrKey, kind)
	}
	return p, err
}

// ParseDirEntryKey returns the directory and the sealed name of a `d` key; the
// name shares the key's memory.
func ParseDirEntryKey(k []byte) (dir wire.NodeID, sealedName []byte, err error) {
	p, err := parts(k, kindDir, len(dir))
	if err == nil && (len(p[1]) == 0 || len(p[1]) > SealedNameBytesMax) {
		err = fmt.Errorf("%w: sealed name of %d bytes", ErrKey, len(p[1]))
	}
	if err != nil {
		return dir, nil, err
	}
	return wire.NodeID(p[0]), p[1], nil
}

// ParseFileKey returns the file of an `f` key.
func ParseFileKey(k []byte) (file wire.NodeID, err error) {
	p, err := exact(k, kindFile, len(file))
	if err != nil {
		return file, err
	}
	return wire.NodeID(p[0]), nil
}

// ParseBlockKey returns the file and the offset of a `b` key.
func ParseBlockKey(k []byte) (file wire.NodeID, offset uint64, err error) {
	p, err := exact(k, kindBlock, len(file), 8)
	if err != nil {
		return file, 0, err
	}
	return wire.NodeID(p[0]), binary.BigEndian.Uint64(p[1]), nil
}

// ParseExtentKey returns the extent of an `x` key without a part.
func ParseExtentKey(k []byte) (id wire.ExtentID, err error) {
	p, err := exact(k, kindExtent, len(id))
	if err != nil {
		return id, err
	}
	return wire.ExtentID(p[0]), nil
}

// ParseVersionKey returns the version of a `v` key.
func ParseVersionKey(k []byte) (wire.Version, error) {
	p, err := exact(k, kindVersion, 8)
	if err != nil {
		return 0, err
	}
	return wire.Version(binary.BigEndian.Uint64(p[0])), nil
}

// ParseWriterKey returns the public key of a `w` key.
func ParseWriterKey(k []byte) (pub wire.PublicKey, err error) {
	p, err := exact(k, kindWriter, len(pub))
	if err != nil {
		return pub, err
	}
	return wire.PublicKey(p[0]), nil
}

// parseAgeKey returns the session of an age key.
func parseAgeKey(k []byte) (author wire.PublicKey, session wire.SessionID, err error) {
	p, err := exact(k, kindAge, 8, len(author), len(session))
	if err != nil {
		return author, session, err
	}
	return wire.PublicKey(p[1]), wire.SessionID(p[2]), nil
}

// prefixRange returns the range of the keys that begin with a prefix, whose
// first byte is a kind and so never the last of all bytes.
func prefixRange(prefix []byte) (lo, hi []byte) {
	end := len(prefix)
	for prefix[end-1] == 0xff {
		end--
	}
	hi = append([]byte(nil), prefix[:end]...)
	hi[end-1]++
	return prefix, hi
}

// next returns the first key after k.
func next(k []byte) []byte { return append(append(make([]byte, 0, len(k)+1), k...), 0) }
