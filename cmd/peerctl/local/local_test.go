package local

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/atollnet/atoll/internal/api"
)

// sample makes a tree with everything that can be stored and some that cannot.
func sample(t *testing.T) string {
	t.Helper()
	root := filepath.Join(t.TempDir(), "tree")
	steps := []error{
		os.MkdirAll(filepath.Join(root, "d", "empty"), 0o755),
		os.WriteFile(filepath.Join(root, "d", "-\xff\n@%"), bytes.Repeat([]byte("x"), 300_000), 0o600),
		os.WriteFile(filepath.Join(root, "d!"), nil, 0o444),
		os.WriteFile(filepath.Join(root, "script"), []byte("#!"), 0o755),
		os.Symlink("../\xfe\nnowhere", filepath.Join(root, "link")),
		os.Chmod(filepath.Join(root, "d"), 0o1777),
		os.Chmod(filepath.Join(root, "d", "empty"), 0o500),
		os.Chmod(filepath.Join(root, "script"), 0o4755|fs.ModeSetuid),
	}
	for i, path := range []string{"d/empty", "d/-\xff\n@%", "d!", "script", "link", "d", "."} {
		steps = append(steps, stamp(root, path, time.Unix(int64(1000*i)-2500, int64(i)*7+1)))
	}
	if err := errors.Join(steps...); err != nil {
		t.Fatal(err)
	}
	return root
}

func stamp(root, path string, at time.Time) error {
	full := filepath.Join(root, path)
	dir, err := os.Open(filepath.Dir(full))
	if err != nil {
		return err
	}
	defer dir.Close()
	return setTime(dir, filepath.Base(full), at)
}

// describe lists a tree, one line for each entry.
func describe(t *testing.T, root string) (lines []string) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(root, path)
		line := fmt.Sprintf("%q %v %d %d", rel, info.Mode()&^fs.ModeSetuid, info.ModTime().UnixNano(), size(info))
		if info.Mode().Type() == fs.ModeSymlink {
			target, _ := os.Readlink(path)
			line += fmt.Sprintf(" -> %q", target)
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

func size(info fs.FileInfo) int64 {
	if info.Mode().IsRegular() {
		return info.Size()
	}
	return 0
}

// copyTree moves a tree through both ends of the package.
func copyTree(to *Tree, from *Source) error {
	for {
		e, err := from.Next()
		if err == io.EOF {
			return to.Finish()
		}
		if err != nil {
			return err
		}
		full := api.Entry{Kind: e.Kind, Mode: e.Mode, ModTime: e.ModTime, Target: e.Target, Size: e.Size}
		if err := to.Add(e.Path, full, from); err != nil {
			return err
		}
	}
}

func noSkip(t *testing.T) func(string, error) {
	return func(path string, err error) { t.Errorf("%q left out: %v", path, err) }
}

func newTree(t *testing.T, path string) *Tree {
	t.Helper()
	tree, err := NewTree(path, "source", 1, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tree.Abort() })
	return tree
}

func TestTreeComesOutAsItWentIn(t *testing.T) {
	from := sample(t)
	to := filepath.Join(t.TempDir(), "copy")
	if err := copyTree(newTree(t, to), newSource(t, from, noSkip(t))); err != nil {
		t.Fatal(err)
	}
	want, got := describe(t, from), describe(t, to)
	if !slices.Equal(want, got) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if info, err := os.Stat(filepath.Join(to, "script")); err != nil || info.Mode()&fs.ModeSetuid != 0 {
		t.Errorf("set-user-ID came back unasked: %v, %v", info.Mode(), err)
	}
	onlyEntry(t, filepath.Dir(to), "copy")
}

// onlyEntry makes sure that nothing else is left in a directory.
func onlyEntry(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%s holds %q, %v, want %q", dir, got, err, want)
	}
}

func TestMergeKeepsWhatWasThere(t *testing.T) {
	to := t.TempDir()
	if err := os.Chmod(to, 0o710); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(
		os.Mkdir(filepath.Join(to, "d"), 0o711),
		os.WriteFile(filepath.Join(to, "d", "kept"), []byte("mine"), 0o600),
		os.WriteFile(filepath.Join(to, "script"), []byte("old"), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	if err := copyTree(newTree(t, to), newSource(t, sample(t), noSkip(t))); err != nil {
		t.Fatal(err)
	}
	onlyEntry(t, to, "d", "d!", "link", "script")
	onlyEntry(t, filepath.Join(to, "d"), "-\xff\n@%", "empty", "kept")
	for path, want := range map[string]fs.FileMode{to: 0o710, filepath.Join(to, "d"): 0o777} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	if b, err := os.ReadFile(filepath.Join(to, "script")); err != nil || string(b) != "#!" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestBrokenTreeLeavesNothing(t *testing.T) {
	parent := t.TempDir()
	tree := newTree(t, filepath.Join(parent, "new"))
	broken := errors.New("cut off")
	if err := errors.Join(
		tree.Add("", api.Entry{Kind: api.Dir, Mode: 0o755}, nil),
		tree.Add("d", api.Entry{Kind: api.Dir}, nil),
	); err != nil {
		t.Fatal(err)
	}
	if err := tree.Add("d/f", api.Entry{Kind: api.File}, iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if kept, err := tree.Abort(); kept || err != nil {
		t.Fatal(kept, err)
	}
	onlyEntry(t, parent)
}

// What came whole is kept, and gone on with if it is of the same version.
func TestBrokenTreeIsGoneOnWith(t *testing.T) {
	parent := t.TempDir()
	to := filepath.Join(parent, "new[*]")
	whole := api.Entry{Kind: api.File, Mode: 0o640, Size: 5, ModTime: time.Unix(9, 9)}
	start := func(version uint64) *Tree {
		tree, err := NewTree(to, "source", version, Options{})
		if err == nil {
			err = errors.Join(tree.Add("", api.Entry{Kind: api.Dir, Mode: 0o755}, nil), tree.Add("d", api.Entry{Kind: api.Dir, Mode: 0o500}, nil))
		}
		if err != nil {
			t.Fatal(err)
		}
		return tree
	}
	tree := start(1)
	if err := tree.Add("d/whole", whole, strings.NewReader("whole")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(tree.temp, "d", temporary()), []byte("ha"), 0o600); err != nil {
		t.Fatal(err)
	}
	if kept, err := tree.Abort(); !kept || err != nil {
		t.Fatal(kept, err)
	}
	tree = start(1)
	other := whole
	other.Size++
	if !tree.Begun || !tree.Has("d/whole", whole) || tree.Has("d/whole", other) || tree.Has("d/none", whole) {
		t.Errorf("begun %v, or what is there is taken for something else", tree.Begun)
	}
	if kept, err := tree.Abort(); !kept || err != nil {
		t.Fatal(kept, err)
	}
	tree = start(2)
	if tree.Begun || tree.Has("d/whole", whole) {
		t.Error("another version goes on with what is not its own")
	}
	if err := tree.Finish(); err != nil {
		t.Fatal(err)
	}
	onlyEntry(t, parent, "new[*]")
	onlyEntry(t, filepath.Join(to, "d"))
}

func TestBrokenFileLeavesWhatWasThere(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := OpenDir(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	broken := errors.New("cut off")
	content := io.MultiReader(strings.NewReader("half"), iotest.ErrReader(broken))
	if err := d.File("f", api.Entry{}, content); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	onlyEntry(t, dir, "f")
	if b, err := os.ReadFile(filepath.Join(dir, "f")); err != nil || string(b) != "before" {
		t.Errorf("%q, %v", b, err)
	}
}

func TestNothingLeadsOut(t *testing.T) {
	outside := t.TempDir()
	to := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(to, "link")); err != nil {
		t.Fatal(err)
	}
	tree := newTree(t, to)
	dir, file := api.Entry{Kind: api.Dir, Mode: 0o755}, api.Entry{Kind: api.File, Mode: 0o644}
	if err := errors.Join(
		tree.Add("", dir, nil),
		tree.Add("hop", api.Entry{Kind: api.Symlink, Target: api.Path(outside)}, nil),
	); err != nil {
		t.Fatal(err)
	}
	for path, e := range map[api.Path]api.Entry{
		"../f": file, "..": dir, "link/f": file, "hop/f": file, "link": dir, "hop": dir, ".": dir, "a/../../f": file, "/f": file,
	} {
		if err := tree.Add(path, e, strings.NewReader("x")); err == nil && path != "/f" {
			t.Errorf("%q was written", path)
		}
	}
	onlyEntry(t, outside)
	onlyEntry(t, to, "hop", "link")
}

func TestSpecialFilesAreLeftOut(t *testing.T) {
	root := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(root, "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := errors.Join(
		syscall.Mkfifo(filepath.Join(root, "pipe"), 0o600),
		os.WriteFile(filepath.Join(root, "file"), nil, 0o600),
	); err != nil {
		t.Fatal(err)
	}
	var left, kept []string
	s := newSource(t, root, func(path string, _ error) { left = append(left, filepath.Base(path)) })
	defer s.Close()
	for {
		e, err := s.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, string(e.Path))
	}
	if !slices.Equal(left, []string{"pipe", "socket"}) || !slices.Equal(kept, []string{"", "file"}) {
		t.Errorf("kept %q, left out %q", kept, left)
	}
}

func TestATreeIsWeighedWithoutReadingIt(t *testing.T) {
	root := t.TempDir()
	for name, size := range map[string]int{"a": 100, "d/b": 30, "d/e/c": 5, "d/out.o": 1000} {
		if err := errors.Join(
			os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o700),
			os.WriteFile(filepath.Join(root, name), make([]byte, size), 0o000), // nobody may read them
		); err != nil {
			t.Fatal(err)
		}
	}
	c := SourceConfig{Root: root, Exclude: []string{"*.o"}}
	if bytes, err := Weigh(t.Context(), c); bytes != 135 || err != nil {
		t.Errorf("%d bytes, %v", bytes, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Weigh(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("after its end: %v", err)
	}
}

func TestFileThatChangesWhileItIsRead(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "f")
	for _, c := range []struct {
		size int64
		want string
	}{{9, "012345"}, {3, ""}} {
		if err := os.WriteFile(path, []byte("012345"), 0o600); err != nil {
			t.Fatal(err)
		}
		s := newSource(t, root, noSkip(t))
		for range 2 {
			if _, err := s.Next(); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Truncate(path, c.size); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(s)
		if c.want != "" && (err != nil || string(got) != c.want) || c.want == "" && err == nil {
			t.Errorf("size became %d: %q, %v", c.size, got, err)
		}
		s.Close()
	}
}

func TestTimesThatJSONHas(t *testing.T) {
	for _, c := range []struct{ in, want time.Time }{
		{time.Unix(-5, 6), time.Unix(-5, 6)},
		{time.Unix(1<<40, 0), time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)},
		{time.Unix(-1<<40, 0), time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		got := Time(c.in)
		if _, err := got.MarshalJSON(); err != nil || !got.Equal(c.want) {
			t.Errorf("%v became %v, %v", c.in.Unix(), got, err)
		}
	}
}

func newSource(t *testing.T, root string, skip func(string, error)) *Source {
	t.Helper()
	s, err := NewSource(SourceConfig{Root: root, Skip: skip})
	if err != nil {
		t.Fatal(err)
	}
	return s
}
