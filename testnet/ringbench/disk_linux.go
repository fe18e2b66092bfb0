package ringbench

import (
	"io/fs"
	"syscall"
)

// allocated returns what a file takes of the disk; one with holes is longer.
func allocated(info fs.FileInfo) int64 { return info.Sys().(*syscall.Stat_t).Blocks * 512 }
