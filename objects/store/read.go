package store

import (
	"bytes"
	"slices"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// Manifest returns the manifest of an extent of which a share is here. Errors:
// ErrNotFound, ErrDamaged.
func (s *Shares) Manifest(id wire.ExtentID) (*extent.Manifest, error) {
	if err := s.checkDenied(id); err != nil {
		return nil, errs.Wrap("read manifest", id.String(), err)
	}
	var encoded []byte
	err := s.kv.View(func(r kv.Reader) error {
		return r.Get(manifestKey(id), func(v []byte) error { encoded = bytes.Clone(v); return nil })
	})
	if err != nil {
		return nil, errs.Wrap("read manifest", id.String(), classify(err))
	}
	if extent.IDOf(encoded) != id {
		return nil, errs.Wrap("read manifest", id.String(), fail(ErrDamaged, "it has another hash"))
	}
	m, err := extent.ParseManifest(encoded)
	return m, errs.Wrap("read manifest", id.String(), err)
}

// Indexes returns which shares of an extent are here and not known to be
// damaged, in ascending order; none is no error.
func (s *Shares) Indexes(id wire.ExtentID) (indexes []int, err error) {
	err = s.kv.View(func(r kv.Reader) error {
		damaged, err := indexesOf(r, classDamaged, id)
		if err != nil {
			return err
		}
		held, err := indexesOf(r, classShare, id)
		for _, i := range held {
			if !slices.Contains(damaged, i) {
				indexes = append(indexes, i)
			}
		}
		return err
	})
	return indexes, errs.Wrap("list shares", id.String(), classify(err))
}

// Extents returns up to max of the extents of which a share is here, in
// ascending order, from the given one on.
func (s *Shares) Extents(from wire.ExtentID, max int) (ids []wire.ExtentID, err error) {
	err = s.kv.View(func(r kv.Reader) error {
		return r.Scan(classKey(classManifest), manifestKey(from), true, func(key, _ []byte) (bool, error) {
			if id, _, ok := extentOf(key); ok && len(ids) < max {
				ids = append(ids, id)
			}
			return len(ids) < max, nil
		})
	})
	return ids, errs.Wrap("list extents", "", classify(err))
}
