package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// placesAtOnce is how many shares a walk lists together: no transaction stays
// open while they are read.
const placesAtOnce = 256

// Place is where a share lies among all that are here. The zero Place is where a
// walk begins.
type Place struct {
	Extent wire.ExtentID
	Index  int
}

// Next returns the least place behind this one.
func (p Place) Next() Place {
	if p.Index++; p.Index <= wire.SharesMax {
		return p
	}
	p.Index = 0
	for i := len(p.Extent) - 1; i >= 0; i-- {
		if p.Extent[i]++; p.Extent[i] != 0 {
			break
		}
	}
	return p
}

// Verified is a share that was read as a whole.
type Verified struct {
	Place
	Bytes int
	// Err is nil if it is what was stored; of kind Damaged if it is not, and then
	// it is not served any more; else the store's own trouble.
	Err error
}

// VerifyAll reads the shares from a place on, one after another, and calls fn
// for each; what fn returns ends the walk. Shares that come or go meanwhile may be
// left out. Damage is no error of VerifyAll.
func (s *Shares) VerifyAll(ctx context.Context, from Place, fn func(Verified) error) error {
	for {
		places, err := s.Places(from, placesAtOnce)
		if err != nil || len(places) == 0 {
			return err
		}
		for _, p := range places {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			v := s.verify(p)
			if errs.KindOf(v.Err) == errs.NotFound {
				continue // freed since it was listed
			}
			if err := fn(v); err != nil {
				return err
			}
		}
		from = places[len(places)-1].Next()
	}
}

// verify reads a share as a whole, and marks it if it is damaged.
func (s *Shares) verify(p Place) Verified {
	b := buffers.Get().(*buffer)
	defer buffers.Put(b)
	v := Verified{Place: p}
	var rec record
	err := s.kv.View(func(r kv.Reader) (err error) {
		if rec, err = servable(r, p.Extent, p.Index); err != nil {
			return err
		}
		v.Bytes = int(rec.Bytes)
		return b.load(r, s.files, p.Extent, p.Index, rec, 0, v.Bytes)
	})
	if err = classify(err); err == nil {
		err = b.prove(rec, 0, v.Bytes)
	}
	if errors.Is(err, ErrDamaged) {
		err = errors.Join(err, s.condemn(p.Extent, p.Index))
	}
	v.Err = errs.Wrap("verify", subject(p.Extent, p.Index), err)
	return v
}

// Places lists up to max of the shares that are here, from a place on.
func (s *Shares) Places(from Place, max int) ([]Place, error) {
	places, err := s.listed(classShare, from, max)
	return places, errs.Wrap("list shares", "", err)
}

// Damaged lists up to max of the shares that are known to be damaged, from a
// place on.
func (s *Shares) Damaged(from Place, max int) ([]Place, error) {
	places, err := s.listed(classDamaged, from, max)
	return places, errs.Wrap("list damaged shares", "", err)
}

// listed lists what is in a class.
func (s *Shares) listed(class byte, from Place, max int) (places []Place, err error) {
	err = s.kv.View(func(r kv.Reader) error {
		return r.Scan(classKey(class), shareKey(class, from.Extent, from.Index), true, func(key, _ []byte) (bool, error) {
			if id, rest, ok := extentOf(key); ok && len(rest) == 1 {
				places = append(places, Place{id, int(rest[0])})
			}
			return len(places) < max, nil
		})
	})
	return places, classify(err)
}

// Lessees returns the objects that lease a share, at most LeasesPerShareMax.
func (s *Shares) Lessees(p Place) (objects []wire.ObjectID, err error) {
	err = s.kv.View(func(r kv.Reader) error {
		return r.Scan(shareKey(classLease, p.Extent, p.Index), nil, true, func(key, _ []byte) (bool, error) {
			if _, rest, ok := extentOf(key); ok && len(rest) == 1+wire.HashSize {
				objects = append(objects, wire.ObjectID(rest[1:]))
			}
			return true, nil
		})
	})
	return objects, errs.Wrap("list leases", subject(p.Extent, p.Index), classify(err))
}

// Scrub goes on with a walk through all shares where an earlier one was left,
// also by a crash, to their end. The place is kept at least every so many shares,
// and not synced: a crash has some read twice.
func (s *Shares) Scrub(ctx context.Context, fn func(Verified) error) error {
	from, err := s.scrubbed()
	if err != nil {
		return err
	}
	seen := 0
	err = s.VerifyAll(ctx, from, func(v Verified) error {
		from = v.Next()
		if seen++; seen%placesAtOnce == 0 {
			if err := s.setScrubbed(from); err != nil {
				return err
			}
		}
		return fn(v)
	})
	if err == nil {
		from = Place{}
	}
	return errors.Join(err, s.setScrubbed(from))
}

var scrubbedKey = classKey(classScrubbed)

func (s *Shares) scrubbed() (p Place, err error) {
	err = s.kv.View(func(r kv.Reader) error {
		return r.Get(scrubbedKey, func(v []byte) error {
			if len(v) != wire.HashSize+1 {
				return fmt.Errorf("%w: place of %d bytes", kv.ErrDamaged, len(v))
			}
			p = Place{wire.ExtentID(v[:wire.HashSize]), int(v[wire.HashSize])}
			return nil
		})
	})
	if absent(err) {
		return Place{}, nil // from the beginning, then
	}
	return p, errs.Wrap("read scrub place", "", classify(err))
}

func (s *Shares) setScrubbed(p Place) error {
	err := s.kv.Update(func(w kv.Writer) error { return w.Set(scrubbedKey, append(p.Extent[:], byte(p.Index))) })
	return errs.Wrap("keep scrub place", "", classify(err))
}
