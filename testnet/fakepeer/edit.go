package fakepeer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// inStore returns where something is kept that a reference or a petname's path
// names: by its last name alone.
func inStore(ref string) string { return filepath.Join(store(), filepath.Base(ref)) }

// key is the fake user's own: the name of his peer's directory.
func key() string { return filepath.Base(filepath.Dir(os.Getenv("ATOLL_API"))) }

const (
	before  = "@-1"
	authors = ".authors"
)

// keepBefore keeps the version before of a file, and who writes the next one.
func keepBefore(kept string) error {
	info, err := os.Lstat(kept)
	if err == nil && info.Mode().IsRegular() {
		err = copyFile(kept, kept+before, info)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	names, err := os.ReadFile(kept + authors)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.MkdirAll(store(), 0o755); err != nil {
		return err
	}
	return os.WriteFile(kept+authors, append([]byte(key()+"\n"), names...), 0o644)
}

// edit plays the other verbs of peerctl that the demonstration uses.
func edit(verb string, args []string) (known bool, err error) {
	switch verb {
	case "mkdir", "volume":
		return true, nil
	case "id":
		_, err = fmt.Println(key())
		return true, err
	case "share": // --write KEY REF
		_, err = fmt.Println(inStore(args[2]))
		return true, err
	case "restore":
		now := strings.TrimSuffix(inStore(args[0]), before)
		return true, copyTree(now+before, now)
	case "log":
		return true, log(args)
	case "name":
		return true, name(args)
	}
	return false, nil
}

func log(args []string) error {
	rest, err := arguments(args)
	if err != nil {
		return err
	}
	names, err := os.ReadFile(inStore(rest[0]) + authors)
	if err != nil {
		return err
	}
	var versions []map[string]string
	for name := range strings.Lines(string(names)) {
		versions = append(versions, map[string]string{"author": strings.TrimSpace(name)})
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"versions": versions})
}
