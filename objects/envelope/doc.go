// Package envelope is everything that keeps a volume's content secret and
// passes it on: node keys and what derives from them, the sealing of blocks,
// names, attributes and keys, references and the other forms of a REF, and the
// keyring that holds a user's keys at rest.
//
//	node key ─┬─▶ Cut, block secret      (the root's serve the whole volume)
//	          ├─▶ Name                   names in this directory
//	          ├─▶ attribute, child keys  entries of this directory
//	          └─▶ block-key, inline keys blocks of this file
//
// It must never draw randomness of its own (callers hand it an io.Reader,
// crypto/rand's but in tests), read a clock, put a key into an error, or use
// one key for two purposes. The only input and output is in keyringfile.go.
// FORMAT.md beside this file gives every format byte by byte.
package envelope

import "errors"

var (
	// ErrSealed is returned for sealed bytes that the key at hand does not
	// open: another key, another place, or changed bytes. Which of them cannot
	// be told.
	ErrSealed = errors.New("does not open with this key")
	// ErrName is returned for what cannot be a directory entry's name.
	ErrName = errors.New("not a file name")
	// ErrPath is returned for a path that leads nowhere a path may lead, or is
	// badly percent-encoded.
	ErrPath = errors.New("not a path")
	// ErrAttr is returned for attributes out of range.
	ErrAttr = errors.New("attributes out of range")
	// ErrReference is returned for a reference whose checksum or form is wrong.
	ErrReference = errors.New("the reference is mistyped")
	// ErrPetname is returned for what cannot be a petname.
	ErrPetname = errors.New("not a petname")
	// ErrPassphrase is returned when a passphrase does not open an undamaged
	// keyring.
	ErrPassphrase = errors.New("wrong passphrase")
	// ErrKeyring is returned for bytes that are no keyring, or a damaged one.
	ErrKeyring = errors.New("the keyring is damaged")
	// ErrRelease is returned for a keyring that another release wrote.
	ErrRelease = errors.New("the keyring is of another release of Atoll")
)
