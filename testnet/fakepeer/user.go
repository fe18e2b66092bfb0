package fakepeer

import (
	"encoding/json"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
)

// The fake network's store: a directory beside the peers', because what was
// stored must survive the peer that stored it.
func store() string { return filepath.Join(os.Getenv("ATOLL_API"), "..", "..", "store") }

// arguments returns what remains of a command line when the flags are gone,
// wherever they stand.
func arguments(args []string) (rest []string, err error) {
	flags := flag.NewFlagSet("peerctl", flag.ContinueOnError)
	flags.Bool("r", false, "")
	flags.Bool("json", false, "")
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if args = flags.Args(); len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	return rest, nil
}

func put(args []string) error {
	rest, err := arguments(args)
	if err != nil {
		return err
	}
	kept := inStore(rest[1])
	if err := keepBefore(kept); err != nil {
		return err
	}
	if err := copyTree(rest[0], kept); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"reference": kept, "holders": 1, "state": "archived"})
}

// ring says that nobody orders anything.
func ring() error {
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"leader": "", "members": []string{}})
}

func get(how string, args []string) error {
	rest, err := arguments(args)
	if err != nil {
		return err
	}
	if err := copyTree(named(rest[0]), rest[1]); err != nil || how != Corrupt {
		return err
	}
	return filepath.WalkDir(rest[1], func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		return os.WriteFile(path, []byte("corrupt"), 0o644)
	})
}

// copyTree copies a file or a tree with modes and times; directories get
// theirs last, because filling them changes them.
func copyTree(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if !info.IsDir() {
		return copyFile(from, to, info)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return err
	}
	var dirs []string
	err = filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		below, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			dirs = append(dirs, below)
			return nil
		}
		return copyAttributes(path, filepath.Join(to, below))
	})
	for i := len(dirs) - 1; i >= 0 && err == nil; i-- {
		err = copyAttributes(filepath.Join(from, dirs[i]), filepath.Join(to, dirs[i]))
	}
	return err
}

func copyFile(from, to string, info fs.FileInfo) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.WriteFile(to, b, info.Mode()); err != nil {
		return err
	}
	return copyAttributes(from, to)
}

func copyAttributes(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil || info.Mode()&fs.ModeSymlink != 0 {
		return err
	}
	if err := os.Chmod(to, info.Mode()); err != nil {
		return err
	}
	return os.Chtimes(to, info.ModTime(), info.ModTime())
}
