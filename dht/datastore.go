package dht

import (
	"bytes"
	"context"
	"errors"

	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	dssync "github.com/ipfs/go-datastore/sync"

	"github.com/atollnet/atoll/internal/kv"
)

// keyPrefix keeps the keys of this package apart from others' in one store.
const keyPrefix = "d"

// pageEntriesMax is how many entries of a query are held in memory at a time.
const pageEntriesMax = 256

// openDatastore returns the library's view of the store; a nil store stands for
// one in memory.
func openDatastore(s kv.Store) ds.Batching {
	if s == nil {
		return dssync.MutexWrap(ds.NewMapDatastore())
	}
	return datastore{s}
}

// datastore is a kv.Store as the library wants it.
type datastore struct{ store kv.Store }

func storeKey(k ds.Key) []byte { return []byte(keyPrefix + k.String()) }

// Get returns the value of a key, or ds.ErrNotFound.
func (d datastore) Get(_ context.Context, k ds.Key) (value []byte, err error) {
	err = d.read(k, func(v []byte) { value = bytes.Clone(v) })
	return value, err
}

// Has reports whether a key is there.
func (d datastore) Has(_ context.Context, k ds.Key) (bool, error) {
	err := d.read(k, func([]byte) {})
	if errors.Is(err, ds.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// GetSize returns the length of the value of a key, or ds.ErrNotFound.
func (d datastore) GetSize(_ context.Context, k ds.Key) (size int, err error) {
	size = -1
	err = d.read(k, func(v []byte) { size = len(v) })
	return size, err
}

func (d datastore) read(k ds.Key, fn func([]byte)) error {
	err := d.store.View(func(r kv.Reader) error {
		return r.Get(storeKey(k), func(v []byte) error {
			fn(v)
			return nil
		})
	})
	if errors.Is(err, kv.ErrNotFound) {
		return ds.ErrNotFound
	}
	return err
}

// Put stores a value.
func (d datastore) Put(_ context.Context, k ds.Key, value []byte) error {
	return d.store.Update(func(w kv.Writer) error { return w.Set(storeKey(k), value) })
}

// Delete removes a key, which need not be there.
func (d datastore) Delete(_ context.Context, k ds.Key) error {
	return d.store.Update(func(w kv.Writer) error { return w.Delete(storeKey(k)) })
}

// Sync makes what was put durable.
func (d datastore) Sync(context.Context, ds.Key) error { return d.store.Sync() }

// Close leaves the store open: it is its owner's.
func (d datastore) Close() error { return nil }

// Batch returns a batch that writes one by one.
func (d datastore) Batch(context.Context) (ds.Batch, error) { return ds.NewBasicBatch(d), nil }

// Query returns the entries under a prefix, read page by page: between two
// pages the store may change.
func (d datastore) Query(_ context.Context, q query.Query) (query.Results, error) {
	p := &pages{store: d.store, keysOnly: q.KeysOnly, prefix: []byte(keyPrefix + "/")}
	if prefix := ds.NewKey(q.Prefix).String(); prefix != "/" {
		p.prefix = []byte(keyPrefix + prefix + "/")
	}
	p.from = p.prefix
	results := query.ResultsFromIterator(q, query.Iterator{Next: p.next})
	q.Prefix = "" // done
	return query.NaiveQueryApply(q, results), nil
}

// pages walks over the keys with a prefix.
type pages struct {
	store    kv.Store
	keysOnly bool
	prefix   []byte
	from     []byte // first key not yet read; nil at the end
	page     []query.Entry
}

func (p *pages) next() (query.Result, bool) {
	if len(p.page) == 0 && p.from != nil {
		if err := p.store.View(p.read); err != nil {
			p.from = nil
			return query.Result{Error: err}, true
		}
	}
	if len(p.page) == 0 {
		return query.Result{}, false
	}
	e := p.page[0]
	p.page = p.page[1:]
	return query.Result{Entry: e}, true
}

func (p *pages) read(r kv.Reader) error {
	from := p.from
	p.from = nil
	return r.Scan(p.prefix, from, p.keysOnly, func(key, value []byte) (bool, error) {
		if len(p.page) == pageEntriesMax {
			p.from = bytes.Clone(key)
			return false, nil
		}
		p.page = append(p.page, query.Entry{
			Key: string(key[len(keyPrefix):]), Value: bytes.Clone(value), Size: len(value),
		})
		return true, nil
	})
}
