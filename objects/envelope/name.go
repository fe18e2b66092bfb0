package envelope

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/atollnet/atoll/internal/wire"
)

// namePadding is the unit to which names are padded, in bytes, so that lengths
// say little.
const namePadding = 32

// CheckName tells whether name can stand in a directory: 1 to
// wire.NameBytesMax bytes of any kind but '/' and NUL, and neither "." nor
// "..". The error matches ErrName.
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: it is empty", ErrName)
	case len(name) > wire.NameBytesMax:
		return fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrName, len(name), wire.NameBytesMax)
	case name == "." || name == "..":
		return fmt.Errorf("%w: %q has a meaning of its own", ErrName, name)
	case strings.ContainsAny(name, "/\x00"):
		return fmt.Errorf("%w: it holds a slash or a zero byte", ErrName)
	}
	return nil
}

// SealName seals a name in the directory dir whose Secrets these are. A name
// has one sealed form there, so that it can be looked up by that form: the
// nonce is a keyed hash of the name, and two names never share one. What
// CheckName refuses is sealed to something that OpenName refuses too. The
// result has 72 to 296 bytes.
func (s Secrets) SealName(dir wire.NodeID, name string) []byte {
	padded := make([]byte, max(1, (len(name)+namePadding-1)/namePadding)*namePadding)
	copy(padded, name)
	return seal(s.Name, s.nameNonce(name), padded, dir[:])
}

func (s Secrets) nameNonce(name string) (n nonce) {
	hash := keyedHash(wire.Derive(contextNonce, s.Name[:]), []byte(name))
	copy(n[:], hash[:])
	return n
}

// OpenName opens what SealName sealed in the same directory. It refuses with
// ErrSealed what the keys do not open, and with ErrName what they open to
// something that SealName does not make of a good name: a second form of a name,
// or a name that would lead out of the directory.
func (s Secrets) OpenName(dir wire.NodeID, sealed []byte) (string, error) {
	padded, n, err := unseal(s.Name, sealed, dir[:])
	if err != nil {
		return "", fmt.Errorf("name: %w", err)
	}
	name := string(bytes.TrimRight(padded, "\x00"))
	if err := CheckName(name); err != nil {
		return "", err
	}
	if n != s.nameNonce(name) || len(padded)%namePadding != 0 || len(padded)-len(name) >= namePadding {
		return "", fmt.Errorf("%w: it is sealed in another way than the one", ErrName)
	}
	return name, nil
}
