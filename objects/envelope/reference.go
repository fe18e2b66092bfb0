package envelope

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
)

const (
	referenceScheme = "atoll:"
	// checkBytes of checksum find all but one in four billion typing errors.
	checkBytes                    = 4
	contextReference wire.Context = "atoll/v1/reference"
)

// Reference opens a node of an object and what is below it, in all versions:
// `atoll:OBJECT.NODE.KEY/path`. Who holds it can read.
type Reference struct {
	Object wire.ObjectID
	Node   wire.NodeID
	Key    NodeKey
	Path   string // below the node, decoded and clean; "" is the node itself
}

// String returns the text form. It holds the key: print it where the user
// asked for it, never in a message.
func (r Reference) String() string {
	return r.root() + pathText(r.Path, false)
}

// root is the part of the text form in front of the path.
func (r Reference) root() string {
	check := r.checksum()
	return referenceScheme + r.Object.String() + "." + r.Node.String() + "." + wire.EncodeText(append(r.Key[:], check[:]...))
}

func (r Reference) checksum() (c [checkBytes]byte) {
	sum := wire.Derive(contextReference, r.Object[:], r.Node[:], r.Key[:])
	copy(c[:], sum[:])
	return c
}

// ParseReference parses the text form, without a version. The error is of kind
// Usage and does not repeat the text.
func ParseReference(text string) (Reference, error) {
	t, err := ParseTarget(text)
	if err != nil {
		return Reference{}, err
	}
	if t.Kind != TargetReference || !t.Version.IsNewest() {
		return Reference{}, usage(referenceScheme+"…", fmt.Errorf("%w: it reads atoll:OBJECT.NODE.KEY/path", ErrReference))
	}
	return t.Reference(), nil
}

// parseRoot parses what root writes, without the scheme.
func parseRoot(text string) (r Reference, err error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return r, fmt.Errorf("%w: it has %d parts before the path, not 3", ErrReference, len(parts))
	}
	var key [keySize + checkBytes]byte
	for i, dst := range [][]byte{r.Object[:], r.Node[:], key[:]} {
		if wire.DecodeText(dst, parts[i]) != nil {
			return r, fmt.Errorf("%w: see its %s part", ErrReference, [...]string{"first", "second", "third"}[i])
		}
	}
	copy(r.Key[:], key[:])
	if check := r.checksum(); !bytes.Equal(check[:], key[keySize:]) {
		return Reference{}, fmt.Errorf("%w: its checksum does not match", ErrReference)
	}
	return r, nil
}

func usage(subject string, cause error) error {
	return errs.New("parse reference", subject, errs.Usage, cause)
}
