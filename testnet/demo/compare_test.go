package demo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/atollnet/atoll/internal/errs"
)

var longAgo = time.Date(2001, 2, 3, 4, 5, 6, 700, time.UTC)

// makeTree makes a tree with a directory, two files and nothing unusual; its
// entries have old times.
func makeTree(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "tree")
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.MkdirAll(filepath.Join(root, "dir"), 0o750))
	check(os.WriteFile(filepath.Join(root, "dir", "script"), []byte("#!"), 0o700))
	check(os.WriteFile(filepath.Join(root, "empty"), nil, 0o600))
	for _, path := range []string{"dir/script", "empty", "dir", "."} {
		check(os.Chtimes(filepath.Join(root, path), longAgo, longAgo))
	}
	return root
}

func TestSameTree(t *testing.T) {
	if n, err := sameTree(makeTree(t), makeTree(t)); n != 4 || err != nil {
		t.Fatalf("two equal trees: %d, %v", n, err)
	}
	for _, c := range []struct {
		name   string
		change func(root string) error
		says   string
	}{
		{"content", func(root string) error {
			path := filepath.Join(root, "dir", "script")
			if err := os.WriteFile(path, []byte("##"), 0o700); err != nil {
				return err
			}
			return os.Chtimes(path, longAgo, longAgo)
		}, "dir/script: has other content"},
		{"mode", func(root string) error { return os.Chmod(filepath.Join(root, "dir"), 0o711) }, "dir: has mode"},
		{"time", func(root string) error {
			return os.Chtimes(filepath.Join(root, "empty"), longAgo, longAgo.Add(time.Nanosecond))
		}, "empty: has time"},
		{"missing", func(root string) error { return os.Remove(filepath.Join(root, "empty")) }, "empty: did not come back"},
		{"extra", func(root string) error { return os.Mkdir(filepath.Join(root, "new"), 0o700) }, "new: was not stored"},
		{"kind", func(root string) error {
			path := filepath.Join(root, "empty")
			os.Remove(path)
			return os.Symlink("dir/script", path)
		}, "empty: has mode L"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := makeTree(t)
			if err := c.change(got); err != nil {
				t.Fatal(err)
			}
			os.Chtimes(got, longAgo, longAgo)
			_, err := sameTree(makeTree(t), got)
			if errs.KindOf(err) != errs.Damaged || !strings.Contains(err.Error(), c.says) {
				t.Errorf("sameTree = %v, want %q", err, c.says)
			}
		})
	}
}

func TestSameTarget(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	if err := os.Symlink("here", filepath.Join(a, "l")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("there", filepath.Join(b, "l")); err != nil {
		t.Fatal(err)
	}
	if err := sameTarget("l", a, b); errs.KindOf(err) != errs.Damaged {
		t.Errorf("links to different places: %v", err)
	}
	if err := sameTarget("l", a, a); err != nil {
		t.Error(err)
	}
}

func TestSameBytes(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"", "", true}, {"", "x", false}, {"x", "", false}, {long, long, true},
		{long, long[1:], false}, {long[:64<<10], long[:64<<10], true}, {long[:64<<10], long, false},
	} {
		got, err := sameBytes(iotest.HalfReader(strings.NewReader(c.a)), strings.NewReader(c.b))
		if got != c.want || err != nil {
			t.Errorf("%d and %d bytes: %v, %v", len(c.a), len(c.b), got, err)
		}
	}
	if _, err := sameBytes(iotest.TimeoutReader(strings.NewReader(long)), strings.NewReader(long)); err == nil {
		t.Error("a read that failed was taken for the end")
	}
}
