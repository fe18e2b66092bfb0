package demo

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/atollnet/atoll/internal/errs"
)

// sameTree compares two trees: names, kinds, modes, times, targets of symbolic
// links and content. It returns how many entries it compared, the roots among
// them, and an error of kind Damaged that names the first difference.
func sameTree(want, got string) (int, error) {
	wanted, err := list(want)
	if err != nil {
		return 0, err
	}
	found, err := list(got)
	if err != nil {
		return 0, err
	}
	for path := range found {
		if wanted[path] == nil {
			return 0, differs(path, "was not stored and came back")
		}
	}
	for _, path := range slices.Sorted(maps.Keys(wanted)) {
		if found[path] == nil {
			return 0, differs(path, "did not come back")
		}
		if err := sameEntry(path, want, got, wanted[path], found[path]); err != nil {
			return 0, err
		}
	}
	return len(wanted), nil
}

// list returns all entries of the tree by their path below root.
func list(root string) (map[string]fs.FileInfo, error) {
	entries := make(map[string]fs.FileInfo)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		entries[below], err = d.Info()
		return err
	})
	return entries, err
}

func sameEntry(path, want, got string, w, g fs.FileInfo) error {
	switch {
	case w.Mode() != g.Mode():
		return differs(path, "has mode %v, had %v", g.Mode(), w.Mode())
	case !w.ModTime().Equal(g.ModTime()):
		return differs(path, "has time %v, had %v", g.ModTime(), w.ModTime())
	case w.Mode()&fs.ModeSymlink != 0:
		return sameTarget(path, want, got)
	case w.Mode().IsRegular():
		return sameContent(path, want, got)
	}
	return nil
}

func sameTarget(path, want, got string) error {
	w, err := os.Readlink(filepath.Join(want, path))
	if err != nil {
		return err
	}
	g, err := os.Readlink(filepath.Join(got, path))
	if err == nil && w != g {
		err = differs(path, "points to %q, pointed to %q", g, w)
	}
	return err
}

func sameContent(path, want, got string) error {
	w, err := os.Open(filepath.Join(want, path))
	if err != nil {
		return err
	}
	defer w.Close()
	g, err := os.Open(filepath.Join(got, path))
	if err != nil {
		return err
	}
	defer g.Close()
	same, err := sameBytes(w, g)
	if err == nil && !same {
		err = differs(path, "has other content")
	}
	return err
}

// sameBytes reads both to their ends, or to the first difference.
func sameBytes(a, b io.Reader) (bool, error) {
	bufA, bufB := make([]byte, 64<<10), make([]byte, 64<<10)
	for {
		n, errA := io.ReadFull(a, bufA)
		m, errB := io.ReadFull(b, bufB)
		for _, err := range []error{errA, errB} {
			if err != nil && !ended(err) {
				return false, err
			}
		}
		if !bytes.Equal(bufA[:n], bufB[:m]) {
			return false, nil
		}
		if ended(errA) && ended(errB) {
			return true, nil
		}
	}
}

func ended(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }

func differs(path, format string, args ...any) error {
	return errs.New("compare", path, errs.Damaged, fmt.Errorf(format, args...))
}

func countEntries(n int) string { return fmt.Sprintf("%d entries identical", n) }
