package kv

import (
	"errors"
	"os"
	"syscall"
)

// syncData makes the content of a file durable, and of its inode what is needed
// to read it: not the times, which would cost a write of the journal each.
func syncData(f *os.File) error {
	for {
		err := syscall.Fdatasync(int(f.Fd()))
		if !errors.Is(err, syscall.EINTR) {
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
