package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/atollnet/atoll/internal/durable"
	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/node"
)

// quotaBytesMin is the least quota that is chosen: below that the local store
// has no room for itself.
const quotaBytesMin = 64 << 20

// chooseQuota returns a tenth of what the disk has free, and writes it into the
// configuration file: the offer then stays the same however full the disk gets.
// A file that cannot be written is no reason not to run.
func chooseQuota(dir, config string, complaints io.Writer) (uint64, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, errs.Wrap("make data directory", dir, err)
	}
	bytes, err := node.DefaultQuotaBytes(dir)
	if err != nil {
		return 0, err
	}
	const mib = 1 << 20
	bytes = max(bytes, quotaBytesMin) / mib * mib
	text := fmt.Sprintf("%d MiB", bytes/mib)
	if err := writeQuota(config, text); err != nil {
		fmt.Fprintf(complaints, "peerd: the quota of %s is not written to %s: %v\n", text, config, err)
	} else {
		fmt.Fprintf(complaints, "peerd: offers %s, a tenth of what the disk has free: written to %s\n", text, config)
	}
	return bytes, nil
}

// commentedQuota is the line of the template that names the quota.
var commentedQuota = regexp.MustCompile(`(?m)^#[ \t]*quota[ \t]*=.*$`)

// writeQuota sets the quota in a configuration file that has none, or makes the
// file.
func writeQuota(path, quota string) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		b, err = []byte(template), nil
	}
	if err != nil {
		return err
	}
	mode := fs.FileMode(0o600)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	line := fmt.Sprintf("quota = %q # room on the disk for other people's shares: at the first start, a tenth of what was free", quota)
	if at := commentedQuota.FindIndex(b); at != nil {
		b = append(append(append([]byte{}, b[:at[0]]...), line...), b[at[1]:]...)
	} else {
		b = append([]byte(line+"\n"), b...) // before the first table
	}
	return durable.WriteFile(path, b, mode)
}
