package kv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// The file FORMAT holds one line: formatName, a space, the format's number.
const (
	formatFile    = "FORMAT"
	formatName    = "atoll-store"
	formatCurrent = 2 // 1 had no files
)

// checkFormat refuses a directory that this release cannot read, and marks a
// new one.
func checkFormat(dir string) error {
	b, err := os.ReadFile(filepath.Join(dir, formatFile))
	if errors.Is(err, fs.ErrNotExist) {
		return markNew(dir)
	}
	if err != nil {
		return err
	}
	format, err := parseFormat(string(b))
	if err != nil {
		return err
	}
	if format > formatCurrent {
		return fmt.Errorf("%w of Atoll: format %d, this release knows %d", ErrNewer, format, formatCurrent)
	}
	if format < formatCurrent {
		return writeFormat(dir)
	}
	return nil
}

// parseFormat accepts exactly what markNew writes, with any number.
func parseFormat(line string) (int, error) {
	digits, ok := strings.CutPrefix(line, formatName+" ")
	digits, ended := strings.CutSuffix(digits, "\n")
	format, err := strconv.Atoi(digits)
	if !ok || !ended || err != nil || format < 1 || strconv.Itoa(format) != digits {
		return 0, fmt.Errorf("%w: file %s is not one line %q and a number", ErrDamaged, formatFile, formatName)
	}
	return format, nil
}

// markNew writes the mark before anything else is written. A store without it
// has lost it.
func markNew(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, indexDir)); err == nil {
		return fmt.Errorf("%w: file %s is missing", ErrDamaged, formatFile)
	}
	return writeFormat(dir)
}

// writeFormat marks a directory as one of this release, which older ones then
// refuse.
func writeFormat(dir string) error {
	line := fmt.Sprintf("%s %d\n", formatName, formatCurrent)
	temporary := filepath.Join(dir, formatFile+".new")
	if err := writeSynced(temporary, line); err != nil {
		return err
	}
	if err := os.Rename(temporary, filepath.Join(dir, formatFile)); err != nil {
		return err
	}
	return syncPath(dir)
}

func writeSynced(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// syncPath makes a file, or the entries of a directory, durable.
func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
