package faults

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/objects/envelope"
)

// wrongReferences asks for what is not there, or not for this key: a failure
// that says so, and no file.
func wrongReferences(t *testing.T, c *cluster) {
	const writer, reader = 0, 4
	text := c.user(writer).put(t, random(6, 50_000), "home:/target").Reference
	ref, err := envelope.ParseReference(text)
	if err != nil {
		t.Fatal(err)
	}
	object, key, node, path := ref, ref, ref, ref
	object.Object[7] ^= 1
	key.Key[7] ^= 1
	node.Node[7] ^= 1
	path.Path += "/below"
	for _, w := range []struct {
		name, ref string
		kind      errs.Kind
	}{
		{"mistyped", mistyped(text), errs.Usage},
		{"cut off", text[:len(text)/2], errs.Usage},
		{"unknown object", object.String(), errs.NotFound},
		{"unknown node", node.String(), errs.NotFound},
		{"wrong key", key.String(), errs.Refused},
		{"nothing at the path", path.String(), errs.NotFound},
		{"version to come", text + "@999", errs.NotFound},
	} {
		t.Run(w.name, func(t *testing.T) {
			dir := t.TempDir()
			c.user(reader).run(t, "get", w.ref, filepath.Join(dir, "got")).want(t, w.kind.ExitCode())
			empty(t, dir)
		})
	}
	dir := t.TempDir()
	c.user(reader).must(t, "get", text, filepath.Join(dir, "got"))
}

// mistyped returns the reference with two letters exchanged.
func mistyped(ref string) string {
	b := []byte(ref)
	for i := 10; ; i++ {
		if b[i] != b[i+1] {
			b[i], b[i+1] = b[i+1], b[i]
			return string(b)
		}
	}
}

func empty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 0 {
		t.Errorf("%v, %v is left", err, entries)
	}
}
