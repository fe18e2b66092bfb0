package kv

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

const (
	logSuffix        = ".mem"
	logName          = "%05d" + logSuffix
	valueSuffix      = ".vlog"
	valueName        = "%06d" + valueSuffix
	valueHeaderBytes = 20
)

// prepare makes durable what the last run left in the page cache, and keeps
// Badger from cutting the newest value file. At open it reads that file up to
// the first entry whose checksum is wrong, and drops all that follows: right
// after a torn write, but one flipped bit would take up to 64 MiB of synced
// values along. So we give it an empty newest file to cut. An entry that was
// torn was never synced, and its checksum shows when it is read.
func prepare(index, values string) error {
	if err := os.MkdirAll(values, 0o700); err != nil {
		return err
	}
	logs, err := filepath.Glob(filepath.Join(index, "*"+logSuffix))
	if err != nil {
		return err
	}
	found, err := filepath.Glob(filepath.Join(values, "*"+valueSuffix))
	if err != nil {
		return err
	}
	for _, path := range append(logs, found...) {
		if err := syncPath(path); err != nil {
			return err
		}
	}
	if len(found) == 0 {
		return nil
	}
	return coverNewest(values, found[len(found)-1])
}

// coverNewest puts an empty value file after the newest one.
func coverNewest(values, newest string) error {
	var id int
	if _, err := fmt.Sscanf(filepath.Base(newest), valueName, &id); err != nil {
		return fmt.Errorf("%w: value file %s", ErrDamaged, newest)
	}
	info, err := os.Stat(newest)
	if err != nil || info.Size() <= valueHeaderBytes {
		return err
	}
	if info.Size() >= 2*valueFileBytes { // an earlier release mapped more
		if err := trim(newest); err != nil {
			return err
		}
	}
	return writeSynced(filepath.Join(values, fmt.Sprintf(valueName, id+1)), string(make([]byte, valueHeaderBytes)))
}

// trim cuts the hole at the end of a value file whose process was killed, so
// that the collection sees how much of it is dead. An entry may end in a few
// zero bytes: they stay.
func trim(path string) error {
	const step, slack = 1 << 20, 4 << 10
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	end, err := dataEnd(f)
	if err != nil {
		return err
	}
	for buf := make([]byte, step); end > 0; end -= min(end, step) {
		part := buf[:min(end, step)]
		start := end - int64(len(part))
		if _, err := f.ReadAt(part, start); err != nil {
			return err
		}
		if n := len(bytes.TrimRight(part, "\x00")); n > 0 {
			return f.Truncate(min(start+int64(n)+slack, size))
		}
	}
	return f.Truncate(valueHeaderBytes)
}

// dataEnd returns where the hole at the end of a file that is written in order
// may begin, as far as the file system tells.
func dataEnd(f *os.File) (int64, error) {
	if hole, err := f.Seek(0, seekHole); err == nil {
		return hole, nil
	}
	return f.Seek(0, io.SeekEnd)
}
