package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReplace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	remainder := strings.Repeat("what a crash left ", 100)
	if err := os.WriteFile(path+Suffix, []byte(remainder), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"first, longer", "second", ""} {
		if err := WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
		check(t, path, text)
	}
}

// Content that ends in an error leaves the file that was there.
func TestReplaceOfBrokenContent(t *testing.T) {
	path, broken := filepath.Join(t.TempDir(), "file"), errors.New("broken")
	content := func() *strings.Reader { return strings.NewReader("half") }
	if _, err := Replace(path, iotest.TimeoutReader(iotest.OneByteReader(content())), 0o600); err == nil {
		t.Error("no error")
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that was never whole: %v", err)
	}
	if err := WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := Replace(path, iotest.DataErrReader(iotest.ErrReader(broken)), 0o600)
	if n != 0 || !errors.Is(err, broken) {
		t.Errorf("%d bytes, %v", n, err)
	}
	check(t, path, "old")
}

// A directory in the way stays, and nothing is left beside it.
func TestReplaceOfADirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, []byte("x"), 0o600); err == nil {
		t.Error("no error")
	}
	if _, err := os.Stat(path + Suffix); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left: %v", err)
	}
}

func check(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if _, err := os.Stat(path + Suffix); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("left: %v", err)
	}
}
