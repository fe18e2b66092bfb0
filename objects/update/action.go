package update

import (
	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/wire"
)

// ActionKind says what an action does.
type ActionKind uint8

// The kinds of actions; each has a constructor of the same name.
const (
	actSet ActionKind = iota + 1
	actDelete
	actDeleteRange
	actMove
	actAppend
	actSplice
	actDeleteFile
	actCopyDir
	actCopyFile
	actRelease
	actReconfigure
	actDeleteObject
)

// Action is a change of the state. Fields that its kind does not use are empty;
// the constructors say what the kinds mean. An action that cannot be done fails
// its clause.
type Action struct {
	_       struct{} `cbor:",toarray"`
	Kind    ActionKind
	Key     []byte // what is changed: a key, or the start of a range
	To      []byte // where to: a key, or the end of a range
	Value   []byte
	From    uint64 // the start of a splice, or a version
	Through uint64 // the end of a splice
	Blocks  []BlockRef
}

// Set gives a key a value: a `d` key a DirEntry, and for the owner a `w` key a
// Writer or the `m` key a Policy. The executor counts the links to files; the
// first one makes an empty file.
func Set(key, value []byte) Action { return Action{Kind: actSet, Key: key, Value: value} }

// Delete removes a `d` or `w` key, if it is there. What a directory entry named
// stays: see DeleteFile.
func Delete(key []byte) Action { return Action{Kind: actDelete, Key: key} }

// Forget removes a version from those that are retained, if it is there. It
// cannot be read any more, and what only it referred to can be released. Only
// the owner may, and not the newest.
func Forget(v wire.Version) Action { return Action{Kind: actDelete, Key: VersionKey(v)} }

// DeleteRange removes the `d` keys in lo ≤ key < hi.
func DeleteRange(lo, hi []byte) Action { return Action{Kind: actDeleteRange, Key: lo, To: hi} }

// Move gives the value of a `d` key to another and removes the first. It fails
// if the first is absent; it replaces what the other had.
func Move(from, to []byte) Action { return Action{Kind: actMove, Key: from, To: to} }

// Append adds blocks to the end of a file, which it makes if need be. The
// executor assigns their offsets.
func Append(file wire.NodeID, blocks []BlockRef) Action {
	return Action{Kind: actAppend, Key: FileKey(file), Blocks: blocks}
}

// Splice puts blocks in the place of the bytes from ≤ offset < through of a
// file; what follows moves if they are longer or shorter. It fails unless both
// ends are boundaries of blocks or the end of the file.
func Splice(file wire.NodeID, from, through uint64, blocks []BlockRef) Action {
	return Action{Kind: actSplice, Key: FileKey(file), From: from, Through: through, Blocks: blocks}
}

// DeleteFile removes the size and all blocks of a file, if it is there. It
// fails while a directory entry names the file, so it comes after the action
// that takes the last one away.
func DeleteFile(file wire.NodeID) Action { return Action{Kind: actDeleteFile, Key: FileKey(file)} }

// CopyDir sets in directory to the entries that directory from had in version
// v. Their names and keys open only with those of from.
func CopyDir(from, to wire.NodeID, v wire.Version) Action {
	lo, _ := DirRange(from)
	end, _ := DirRange(to)
	return Action{Kind: actCopyDir, Key: lo, To: end, From: uint64(v)}
}

// CopyFile gives file to the blocks that file from had in version v; no data
// moves. It fails if to has blocks already. Both may be the same.
func CopyFile(from, to wire.NodeID, v wire.Version) Action {
	return Action{Kind: actCopyFile, Key: FileKey(from), To: FileKey(to), From: uint64(v)}
}

// Release forgets an extent, so that its holders may drop it. It fails unless
// no block in the newest version and in any retained one refers to it. Only
// the owner may.
func Release(id wire.ExtentID) Action { return Action{Kind: actRelease, Key: ExtentKey(id)} }

// Reconfigure has another ring order the object from the next version on. It is
// the owner's, or replaces a silent member and has the word of f+1 others; then
// anybody may hand it in, as the only action of an update. It fails if the ring
// has changed meanwhile. No update after it is part of the same version.
func Reconfigure(r bft.Reconfiguration) Action {
	return Action{Kind: actReconfigure, Value: r.Encode()}
}

// DeleteObject ends the object: nothing of its state stays, no version can be
// read any more, and no further update is executed. It is final. Only the owner
// may, as the only action of an update.
func DeleteObject() Action { return Action{Kind: actDeleteObject} }
