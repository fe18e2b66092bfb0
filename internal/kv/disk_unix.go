//go:build linux || darwin

package kv

import (
	"io/fs"
	"runtime"
	"syscall"
)

// seekHole makes Seek find the first hole of a file.
var seekHole = map[string]int{"linux": 4, "darwin": 3}[runtime.GOOS]

// DiskFree returns the bytes that an ordinary user may still write to the file
// system of dir.
func DiskFree(dir string) (uint64, error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, err
	}
	return st.Bavail * uint64(st.Bsize), nil
}

// takes returns what a file takes of the disk. It may have holes.
func takes(info fs.FileInfo) uint64 {
	const blockBytes = 512 // the unit of st_blocks, whatever the disk's is
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Blocks) * blockBytes
	}
	return uint64(info.Size())
}
