package envelope

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

var (
	dirA  = wire.NodeID{1}
	dirB  = wire.NodeID{2}
	noRng = strings.NewReader("") // a source of randomness that fails
)

// sealers seal one thing of each kind that is opened with a node's secrets.
var sealers = map[string]struct {
	seal func(Secrets, io.Reader) ([]byte, error)
	open func(Secrets, wire.NodeID, []byte) error
	// bound says that the sealed bytes open in one place only.
	bound bool
}{
	"child key": {
		func(s Secrets, r io.Reader) ([]byte, error) { return s.SealChildKey(r, dirA, NodeKey{9}) },
		func(s Secrets, id wire.NodeID, b []byte) error { return second(s.OpenChildKey(id, b)) }, true,
	},
	"attributes": {
		func(s Secrets, r io.Reader) ([]byte, error) { return s.SealAttr(r, dirA, Attr{Mode: 0o644}) },
		func(s Secrets, id wire.NodeID, b []byte) error { return second(s.OpenAttr(id, b)) }, true,
	},
	"block key": {
		func(s Secrets, r io.Reader) ([]byte, error) { return s.SealBlockKey(r, BlockKey{}) },
		func(s Secrets, _ wire.NodeID, b []byte) error { return second(s.OpenBlockKey(b)) }, false,
	},
	"inline block": {
		func(s Secrets, r io.Reader) ([]byte, error) { return s.SealInline(r, []byte("x")) },
		func(s Secrets, _ wire.NodeID, b []byte) error { return second(s.OpenInline(b)) }, false,
	},
	"name": {
		func(s Secrets, r io.Reader) ([]byte, error) { return s.SealName(dirA, "x"), nil },
		func(s Secrets, id wire.NodeID, b []byte) error { return second(s.OpenName(id, b)) }, true,
	},
}

func second[T any](_ T, err error) error { return err }

func TestSealedOpensWithItsKeyInItsPlaceOnly(t *testing.T) {
	mine, other := secretsOf(1), secretsOf(2)
	for name, c := range sealers {
		sealed, err := c.seal(mine, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.open(mine, dirA, sealed); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.open(other, dirA, sealed); !errors.Is(err, ErrSealed) {
			t.Errorf("%s with another key: %v", name, err)
		}
		if err := c.open(mine, dirB, sealed); c.bound && !errors.Is(err, ErrSealed) {
			t.Errorf("%s in another place: %v", name, err)
		}
		for i := range sealed {
			bad := bytes.Clone(sealed)
			bad[i] ^= 1
			if err := c.open(mine, dirA, bad); !errors.Is(err, ErrSealed) {
				t.Fatalf("%s with byte %d changed: %v", name, i, err)
			}
			if err := c.open(mine, dirA, sealed[:i]); !errors.Is(err, ErrSealed) {
				t.Fatalf("%s cut to %d bytes: %v", name, i, err)
			}
		}
		if err := c.open(mine, dirA, make([]byte, 10<<10)); !errors.Is(err, ErrSealed) {
			t.Errorf("%s of 10 KiB: %v", name, err)
		}
		for foreign, d := range sealers {
			if err := d.open(mine, dirA, sealed); foreign != name && !errors.Is(err, ErrSealed) {
				t.Errorf("%s opened as %s: %v", name, foreign, err)
			}
		}
	}
}

func TestSealingNeedsRandomness(t *testing.T) {
	for name, c := range sealers {
		if name == "name" {
			continue
		}
		if _, err := c.seal(secretsOf(1), noRng); err == nil {
			t.Errorf("%s was sealed without randomness", name)
		}
		a, _ := c.seal(secretsOf(1), rand.Reader)
		b, _ := c.seal(secretsOf(1), rand.Reader)
		if bytes.Equal(a, b) {
			t.Errorf("%s is sealed alike twice", name)
		}
	}
	if _, err := NewKeyring(noRng); err == nil {
		t.Error("a keyring was made without randomness")
	}
}

func TestInlineRoundTripAndSizes(t *testing.T) {
	s := secretsOf(1)
	for _, size := range []int{1, 100, wire.InlineBytesMax} {
		plain := bytes.Repeat([]byte{7}, size)
		sealed, err := s.SealInline(rand.Reader, plain)
		if err != nil || len(sealed) != size+SealedOverhead {
			t.Fatalf("%d bytes: %d sealed, %v", size, len(sealed), err)
		}
		if got, err := s.OpenInline(sealed); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes do not survive: %v", size, err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("an inline block of 4,097 bytes was sealed")
		}
	}()
	s.SealInline(rand.Reader, make([]byte, wire.InlineBytesMax+1))
}

func TestKeysRoundTrip(t *testing.T) {
	s := secretsOf(1)
	node := NodeKey{1, 2, 3}
	sealed, err := s.SealChildKey(rand.Reader, dirA, node)
	if got, openErr := s.OpenChildKey(dirA, sealed); err != nil || openErr != nil || got != node {
		t.Errorf("node key: %v, %v", err, openErr)
	}
	block := s.BlockKey([]byte("x"))
	sealed, err = s.SealBlockKey(rand.Reader, block)
	if got, openErr := s.OpenBlockKey(sealed); err != nil || openErr != nil || got != block {
		t.Errorf("block key: %v, %v", err, openErr)
	}
	// What is sealed under the right key in another length is no key.
	short, _ := sealRandom(rand.Reader, s.child, make([]byte, 31), dirA[:])
	if _, err := s.OpenChildKey(dirA, short); !errors.Is(err, ErrSealed) {
		t.Errorf("node key of 31 bytes: %v", err)
	}
	long, _ := sealRandom(rand.Reader, s.blockKey, make([]byte, 65), nil)
	if _, err := s.OpenBlockKey(long); !errors.Is(err, ErrSealed) {
		t.Errorf("block key of 65 bytes: %v", err)
	}
}

func TestSecretsAreAllDifferent(t *testing.T) {
	seen := map[[keySize]byte]string{}
	for _, k := range []NodeKey{{}, {1}} {
		s := k.Secrets()
		for name, secret := range map[string][keySize]byte{
			"node": k, "cut": s.Cut, "name": s.Name, "block": s.block, "attr": s.attr, "child": s.child, "block key": s.blockKey, "inline": s.inline,
		} {
			if before, dup := seen[secret]; dup {
				t.Errorf("%s and %s are one key", before, name)
			}
			seen[secret] = name
		}
	}
}

func TestKeysPrintAsNothing(t *testing.T) {
	key := NodeKey{0xab, 0xab, 0xab}
	for _, v := range []any{key, &key, key.Secrets(), BlockKey{Key: [32]byte{0xab, 0xab}}} {
		for _, verb := range []string{"%v", "%s", "%+v"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "171") || strings.Contains(text, "abab") || strings.Contains(text, "\xab") {
				t.Errorf("%T prints as %q with %s", v, text, verb)
			}
		}
	}
}

func FuzzSealed(f *testing.F) {
	s := secretsOf(1)
	for _, c := range sealers {
		sealed, err := c.seal(s, rand.Reader)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(sealed)
	}
	other := secretsOf(2) // under which nothing was ever sealed
	f.Fuzz(func(t *testing.T, sealed []byte) {
		for name, c := range sealers {
			if err := c.open(other, dirA, sealed); !errors.Is(err, ErrSealed) {
				t.Fatalf("%x opens as %s: %v", sealed, name, err)
			}
		}
	})
}
