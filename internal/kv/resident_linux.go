package kv

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// releaseMapped takes the pages of mapped files dir/*suffix out of the resident
// set. It is a matter of appearance, so failures do not count. For a shared
// mapping of a file no written byte is lost by it (madvise(2), MADV_DONTNEED).
func releaseMapped(dir, suffix string) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	for line := range strings.Lines(string(maps)) {
		if start, length, ok := parseMapping(line, dir+"/", suffix); ok {
			// The result is nothing that we could act on.
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, start, length, syscall.MADV_DONTNEED)
		}
	}
}

// parseMapping reads a line of /proc/self/maps if it is of a shared mapping of
// a file prefix*suffix: "start-end rw-s offset device inode path".
func parseMapping(line, prefix, suffix string) (start, length uintptr, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 6 || !strings.HasSuffix(fields[1], "s") {
		return 0, 0, false
	}
	path := strings.Join(fields[5:], " ")
	if !strings.HasPrefix(path, prefix) || !strings.HasSuffix(path, suffix) {
		return 0, 0, false
	}
	from, to, _ := strings.Cut(fields[0], "-")
	first, err1 := strconv.ParseUint(from, 16, 64)
	last, err2 := strconv.ParseUint(to, 16, 64)
	if err1 != nil || err2 != nil || last <= first {
		return 0, 0, false
	}
	return uintptr(first), uintptr(last - first), true
}
