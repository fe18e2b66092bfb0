package envelope

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/atollnet/atoll/internal/wire"
)

// A vector is a file of `field: value` lines below testdata/vectors. `format`
// says what is sealed or written, `expect` what opening it comes to: "ok", or
// the name of an error. Bytes are hexadecimal, text is as in Go. FORMAT.md says
// how to use them.
type vector struct {
	t      *testing.T
	fields map[string]string
}

func readVector(t *testing.T, path string) vector {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v := vector{t, make(map[string]string)}
	for line := range strings.Lines(string(b)) {
		name, value, found := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		if !found {
			t.Fatalf("no field: %q", line)
		}
		v.fields[name] = value
	}
	return v
}

func (v vector) field(name string) string {
	v.t.Helper()
	s, found := v.fields[name]
	if !found {
		v.t.Fatalf("it has no %s", name)
	}
	return s
}

func (v vector) bytes(name string) []byte {
	v.t.Helper()
	b, err := hex.DecodeString(v.field(name))
	if err != nil {
		v.t.Fatalf("%s: %v", name, err)
	}
	return b
}

func (v vector) text(name string) string {
	v.t.Helper()
	s, err := strconv.Unquote(v.field(name))
	if err != nil {
		v.t.Fatalf("%s: %v", name, err)
	}
	return s
}

func (v vector) key(name string) [keySize]byte { return [keySize]byte(v.bytes(name)) }
func (v vector) id(name string) wire.NodeID    { return wire.NodeID(v.bytes(name)) }
func (v vector) secrets() Secrets              { return NodeKey(v.key("node-key")).Secrets() }

// same fails the test unless a field is what was computed.
func (v vector) same(name string, got []byte) {
	v.t.Helper()
	if want := v.bytes(name); !bytes.Equal(got, want) {
		v.t.Errorf("%s is %x, want %x", name, got, want)
	}
}

// sealedAs checks that sealing gives the vector's bytes.
func (v vector) sealedAs(sealed []byte, err error) {
	v.t.Helper()
	if err != nil {
		v.t.Error(err)
	}
	v.same("sealed", sealed)
}

func (v vector) random() *bytes.Reader { return bytes.NewReader(v.bytes("random")) }

// formats open a vector and, if that succeeds, compare and seal it again.
var formats = map[string]func(vector) error{
	"secrets": func(v vector) error {
		s := v.secrets()
		for name, key := range map[string][keySize]byte{
			"cut": s.Cut, "name": s.Name, "block": s.block, "attributes": s.attr, "child-key": s.child, "block-key": s.blockKey, "inline": s.inline,
		} {
			v.same(name, key[:])
		}
		return nil
	},
	"block": func(v vector) error {
		key := BlockKey{Key: v.key("block-key"), Hash: v.key("hash")}
		plain, err := OpenBlock(nil, v.bytes("sealed"), key)
		if err == nil {
			v.same("plaintext", plain)
			if own := v.secrets().BlockKey(plain); own != key {
				v.t.Errorf("block key %x, hash %x", own.Key, own.Hash)
			}
			v.sealedAs(SealBlock(nil, plain, key), nil)
		}
		return err
	},
	"name": func(v vector) error {
		name, err := v.secrets().OpenName(v.id("directory"), v.bytes("sealed"))
		if err == nil {
			v.same("name", []byte(name))
			v.sealedAs(v.secrets().SealName(v.id("directory"), name), nil)
		}
		return err
	},
	"attributes": func(v vector) error {
		a, err := v.secrets().OpenAttr(v.id("child"), v.bytes("sealed"))
		if err == nil {
			if got := fmt.Sprintf("%o %d %d %q", a.Mode, a.Sec, a.Nsec, a.Target); got != v.field("attributes") {
				v.t.Errorf("attributes %s", got)
			}
			v.sealedAs(v.secrets().SealAttr(v.random(), v.id("child"), a))
		}
		return err
	},
	"child-key": func(v vector) error {
		key, err := v.secrets().OpenChildKey(v.id("child"), v.bytes("sealed"))
		if err == nil {
			v.same("child-key", key[:])
			v.sealedAs(v.secrets().SealChildKey(v.random(), v.id("child"), key))
		}
		return err
	},
	"block-key": func(v vector) error {
		key, err := v.secrets().OpenBlockKey(v.bytes("sealed"))
		if err == nil {
			v.same("block-key", key.Key[:])
			v.same("hash", key.Hash[:])
			v.sealedAs(v.secrets().SealBlockKey(v.random(), key))
		}
		return err
	},
	"inline": func(v vector) error {
		plain, err := v.secrets().OpenInline(v.bytes("sealed"))
		if err == nil {
			v.same("plaintext", plain)
			v.sealedAs(v.secrets().SealInline(v.random(), plain))
		}
		return err
	},
	"reference": func(v vector) error {
		r, err := ParseReference(v.text("text"))
		if err == nil {
			v.same("object", r.Object[:])
			v.same("node", r.Node[:])
			v.same("key", r.Key[:])
			v.same("path", []byte(r.Path))
			if r.String() != v.text("text") {
				v.t.Errorf("it prints as %q", r)
			}
		}
		return err
	},
	"keyring": func(v vector) error {
		k, err := OpenKeyring(v.bytes("file"), v.bytes("passphrase"))
		if err == nil {
			v.same("author", k.author[:])
			v.same("plaintext", k.encode())
			c := cost{Passes: 2, MemoryKiB: 64, Lanes: 2}
			file, err := k.seal(v.random(), v.bytes("passphrase"), c)
			if v.same("file", file); err != nil {
				v.t.Error(err)
			}
		}
		return err
	},
}

// outcome names what opening came to. A path's error may match ErrName too, so
// the order counts.
func outcome(err error) string {
	for _, known := range []struct {
		name string
		err  error
	}{
		{"ErrSealed", ErrSealed}, {"ErrPath", ErrPath}, {"ErrName", ErrName}, {"ErrAttr", ErrAttr}, {"ErrReference", ErrReference},
		{"ErrPassphrase", ErrPassphrase}, {"ErrKeyring", ErrKeyring}, {"ErrRelease", ErrRelease},
	} {
		if errors.Is(err, known.err) {
			return known.name
		}
	}
	if err != nil {
		return err.Error()
	}
	return "ok"
}

func TestVectors(t *testing.T) {
	paths, err := filepath.Glob("testdata/vectors/*")
	if err != nil || len(paths) == 0 {
		t.Fatal("no vectors", err)
	}
	met := make(map[string]bool)
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			v := readVector(t, path)
			open := formats[v.field("format")]
			if open == nil {
				t.Fatalf("unknown format %q", v.field("format"))
			}
			got := outcome(open(v))
			if got != v.field("expect") {
				t.Errorf("outcome %s, want %s", got, v.field("expect"))
			}
			met[v.field("format")+" "+got] = true
		})
	}
	for format := range formats {
		if !met[format+" ok"] {
			t.Errorf("no good vector of format %s", format)
		}
	}
}
