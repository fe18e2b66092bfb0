package node

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/objects/store"
)

// quotaPart is the part of the disk's free room that a peer offers unless it is
// told: one in so many.
const quotaPart = 10

// DefaultQuotaBytes is the quota of a peer that was told none: a tenth of what
// the disk of its data directory has for it, that is what is free now and what
// the local store takes already.
func DefaultQuotaBytes(dir string) (uint64, error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(dir, &disk); err != nil {
		return 0, errs.Wrap("measure disk", dir, fmt.Errorf("statfs: %w", err))
	}
	stored, err := diskBytes(filepath.Join(dir, dbDir))
	return (disk.Bavail*uint64(disk.Bsize) + stored) / quotaPart, err
}

// openShares opens the local store, and what is stored in it for others.
func (n *Node) openShares() (err error) {
	c := n.config
	if c.QuotaBytes == 0 {
		if c.QuotaBytes, err = DefaultQuotaBytes(c.Dir); err != nil {
			return err
		}
	}
	if n.store, err = kv.Open(filepath.Join(c.Dir, dbDir), kv.Options{Free: c.diskFree, Logger: n.log}); err != nil {
		return err
	}
	n.shares, err = store.Open(n.store, store.Config{
		QuotaBytes: c.QuotaBytes, AuthorBytesMax: c.AuthorBytesMax, ObjectBytesMax: c.ObjectBytesMax, Room: n.store.Room,
	})
	return err
}

// diskBytes returns what the files below a directory take of the disk. Files
// may be sparse, so their lengths would not tell.
func diskBytes(dir string) (total uint64, err error) {
	err = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		var s unix.Stat_t
		if err == nil {
			err = unix.Lstat(path, &s)
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil // not made yet, or just collected
		}
		const blockBytes = 512 // the unit of st_blocks, whatever the disk's is
		total += uint64(s.Blocks) * blockBytes
		return err
	})
	return total, errs.Wrap("measure disk", dir, err)
}
