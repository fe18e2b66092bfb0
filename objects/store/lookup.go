package store

import (
	"errors"

	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// has reports whether a key is there.
func has(r kv.Reader, key []byte) (bool, error) {
	err := r.Get(key, func([]byte) error { return nil })
	if errors.Is(err, kv.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// readRecord returns a share's record. Errors: kv.ErrNotFound, kv.ErrDamaged,
// wire.ErrEncoding.
func readRecord(r kv.Reader, id wire.ExtentID, index int) (rec record, err error) {
	err = r.Get(shareKey(classShare, id, index), func(v []byte) (err error) {
		rec, err = parseRecord(v)
		return err
	})
	return rec, err
}

// readLease returns the lease that a Put is about, with the errors of
// readRecord.
func readLease(r kv.Reader, c checked) (l lease, err error) {
	err = r.Get(leaseKey(c.id, c.Index, c.Object), func(v []byte) (err error) {
		l, err = parseLease(v)
		return err
	})
	return l, err
}

// indexesOf returns the share indexes of an extent in a class, ascending.
func indexesOf(r kv.Reader, class byte, id wire.ExtentID) (indexes []int, err error) {
	prefix := append(classKey(class), id[:]...)
	err = r.Scan(prefix, nil, true, func(key, _ []byte) (bool, error) {
		if len(key) == len(prefix)+1 {
			indexes = append(indexes, int(key[len(prefix)]))
		}
		return true, nil
	})
	return indexes, err
}
