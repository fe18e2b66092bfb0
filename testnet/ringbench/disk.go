package ringbench

import (
	"errors"
	"io/fs"
	"path/filepath"
)

// diskBytes returns what the files below a directory take of the disk.
func diskBytes(dir string) (total int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		var info fs.FileInfo
		if err == nil && d.Type().IsRegular() {
			if info, err = d.Info(); err == nil {
				total += allocated(info)
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // some vanish while one looks
		}
		return err
	})
	return total, err
}
