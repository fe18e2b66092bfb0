package kv

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"
	"time"
)

// overheadEvery is how old a measure of the directories may be: they hold some
// hundred files, and looking at those takes less than a millisecond.
const overheadEvery = time.Second

// overhead is what Badger's own files take of the disk.
type overhead struct {
	mu       sync.Mutex
	measured uint64
	at       time.Time // of the measure; zero: none
	written  uint64    // since
}

// Room implements Store.
func (s *store) Room() (r Room, err error) {
	err = s.call(func() error {
		free, err := s.options.Free(s.dir)
		if err != nil {
			return fmt.Errorf("kv: room on the disk of %s: %w", s.dir, err)
		}
		r.LeftBytes = free - min(free, s.options.ReserveBytes)
		o := &s.overhead
		o.mu.Lock()
		defer o.mu.Unlock()
		if now := time.Now(); o.at.IsZero() || now.Sub(o.at) >= overheadEvery {
			total := uint64(0)
			for _, dir := range []string{indexDir, valuesDir} {
				n, err := DiskBytes(filepath.Join(s.dir, dir))
				if err != nil {
					return err
				}
				total += n
			}
			o.measured, o.written, o.at = total, 0, now
		}
		r.OverheadBytes = o.measured + o.written
		return nil
	})
	return r, err
}

func (o *overhead) note(written int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.written += uint64(written)
}

// DiskBytes returns what the files below a directory take of the disk; nothing, if
// it is not there. Files may be sparse, so their lengths would not tell. One that
// goes meanwhile takes nothing.
func DiskBytes(dir string) (total uint64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		var info fs.FileInfo
		if err == nil {
			info, err = e.Info()
		}
		if err == nil {
			total += takes(info)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return total, err
}
