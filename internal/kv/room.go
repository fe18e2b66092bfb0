package kv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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
				n, err := dirBytes(filepath.Join(s.dir, dir))
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

// dirBytes returns what the files of a directory take of the disk. One that
// goes meanwhile takes nothing.
func dirBytes(dir string) (total uint64, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return 0, err
		}
		total += takes(info)
	}
	return total, nil
}
