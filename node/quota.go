package node

import (
	"errors"
	"path/filepath"

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
	free, freeErr := kv.DiskFree(dir)
	stored, storedErr := kv.DiskBytes(filepath.Join(dir, dbDir))
	return (free + stored) / quotaPart, errs.Wrap("measure disk", dir, errors.Join(freeErr, storedErr))
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
