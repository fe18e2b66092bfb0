package dht

import (
	"bytes"
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"
	"sync"

	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	kb "github.com/libp2p/go-libp2p-kbucket"
	recpb "github.com/libp2p/go-libp2p-record/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"google.golang.org/protobuf/proto"

	"github.com/atollnet/atoll/internal/wire"
)

// Bounds on what others may make this peer keep.
const (
	headsMax           = 8192    // head records; of wire.HeadBytesMax each at most
	namesMax           = 1 << 17 // name and denial records; of wire.NameRecordBytesMax each at most
	answersMax         = 1 << 14 // shared answers of the ordinary DNS; of wire.NameRecordBytesMax each at most
	providersMax       = 1 << 18 // provider records of all extents, some 150 bytes each
	providersPerKeyMax = 128     // provider records of one extent
)

var errTableFull = errors.New("dht: no room for the record")

// The library files heads under /atoll-head and providers under /providers.
const (
	headPrefix     = "/" + headNamespace + "/"
	providerPrefix = "/providers/"
	floorPrefix    = "/floor/"
)

// table is the datastore beneath the library's record stores. It bounds them,
// and it never lets an older head replace a newer one, whichever way that came.
//
// Floors are the heads that this peer itself has put or looked up. Only its own
// user adds to them, so they have no limit and are never dropped.
type table struct {
	ds.Batching
	rule    HeadRule
	records RecordRule                           // nil: no records of other kinds
	stored  func(wire.RecordKind, wire.RecordID) // told of every change of those
	self    kb.ID

	mu        sync.Mutex // makes check and write one step
	heads     shelf
	names     shelf
	answers   shelf
	floors    int // of names
	providers int
}

// openTable counts what the datastore holds.
func openTable(ctx context.Context, inner ds.Batching, self peer.ID, c Config) (*table, error) {
	t := &table{
		Batching: inner, rule: c.Heads, records: c.Records, stored: c.Stored, self: kb.ConvertPeerID(self),
		heads: newShelf(headsMax), names: newShelf(namesMax), answers: newShelf(answersMax),
	}
	if err := t.fill(ctx, headPrefix, &t.heads); err != nil {
		return nil, err
	}
	for _, kind := range recordKinds {
		if err := t.fill(ctx, recordPrefix(kind), t.shelfOf(kind)); err != nil {
			return nil, err
		}
	}
	err := t.keys(ctx, nameFloorPrefix, 0, func(ds.Key) error { t.floors++; return nil })
	if err != nil {
		return nil, err
	}
	return t, t.keys(ctx, providerPrefix, 0, func(ds.Key) error {
		t.providers++
		return nil
	})
}

// shelfOf returns where records of a kind count: answers that anybody may share do
// not crowd out the names of zones.
func (t *table) shelfOf(kind wire.RecordKind) *shelf {
	if kind == wire.RecordChain {
		return &t.answers
	}
	return &t.names
}

// fill notes what the datastore holds under a prefix.
func (t *table) fill(ctx context.Context, prefix string, on *shelf) error {
	return t.keys(ctx, prefix, 0, func(k ds.Key) error {
		distance, err := t.distance(k)
		if err == nil {
			on.put(k, distance)
		}
		return err
	})
}

// keys calls fn for the keys under a prefix, at most limit of them unless it
// is 0.
func (t *table) keys(ctx context.Context, prefix string, limit int, fn func(ds.Key) error) error {
	results, err := t.Batching.Query(ctx, query.Query{Prefix: prefix, KeysOnly: true, Limit: limit})
	if err != nil {
		return err
	}
	defer results.Close()
	for {
		r, ok := results.NextSync()
		if !ok {
			return nil
		}
		if r.Error != nil {
			return r.Error
		}
		if err := fn(ds.RawKey(r.Key)); err != nil {
			return err
		}
	}
}

// distance returns how far the record filed under k is from this peer.
func (t *table) distance(k ds.Key) (kb.ID, error) {
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(k.BaseNamespace())
	if err != nil {
		return nil, fmt.Errorf("dht: foreign key %s in the store: %w", k, err)
	}
	return kb.Xor(kb.ConvertKey(string(key)), t.self), nil
}

// Put stores a record of the library's if there is room for it.
func (t *table) Put(ctx context.Context, k ds.Key, value []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch name := k.String(); {
	case strings.HasPrefix(name, headPrefix):
		return t.putHead(ctx, k, value)
	case strings.HasPrefix(name, providerPrefix):
		return t.putProvider(ctx, k, value)
	case isRecord(name):
		return t.putRecord(ctx, k, value)
	default:
		return fmt.Errorf("dht: no such kind of record: %s", name)
	}
}

// Delete removes a record.
func (t *table) Delete(ctx context.Context, k ds.Key) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.remove(ctx, k)
}

func (t *table) remove(ctx context.Context, k ds.Key) error {
	had, err := t.Batching.Has(ctx, k)
	if err != nil || !had {
		return err
	}
	if err := t.Batching.Delete(ctx, k); err != nil {
		return err
	}
	if strings.HasPrefix(k.String(), providerPrefix) {
		t.providers--
	}
	t.heads.drop(k)
	t.names.drop(k)
	t.answers.drop(k)
	return nil
}

// Batch returns a batch that writes one by one, within the bounds.
func (t *table) Batch(context.Context) (ds.Batch, error) { return ds.NewBasicBatch(t), nil }

func (t *table) putHead(ctx context.Context, k ds.Key, value []byte) error {
	object, head, err := parseRecord(value)
	if err != nil {
		return err
	}
	for _, known := range [][]byte{t.head(ctx, k), t.floor(ctx, object)} {
		if known != nil && t.rule.Newer(object, known, head) {
			return ErrOlder
		}
	}
	if err := t.makeRoom(ctx, k, &t.heads); err != nil {
		return err
	}
	return t.Batching.Put(ctx, k, value)
}

// makeRoom counts a new record. A full shelf drops the record farthest from
// this peer: those near to it are its to keep.
func (t *table) makeRoom(ctx context.Context, k ds.Key, on *shelf) error {
	if on.has(k) {
		return nil
	}
	distance, err := t.distance(k)
	if err != nil {
		return err
	}
	if on.full() {
		far, most := on.farthest()
		if bytes.Compare(distance, most) >= 0 {
			return errTableFull
		}
		if err := t.remove(ctx, far); err != nil {
			return err
		}
	}
	on.put(k, distance)
	return nil
}

// head returns the head record that is filed under k, or nil.
func (t *table) head(ctx context.Context, k ds.Key) []byte {
	value, err := t.Batching.Get(ctx, k)
	if err != nil {
		return nil
	}
	_, head, _ := parseRecord(value)
	return head
}

func parseRecord(value []byte) (wire.ObjectID, []byte, error) {
	var rec recpb.Record
	if err := proto.Unmarshal(value, &rec); err != nil {
		return wire.ObjectID{}, nil, fmt.Errorf("dht: record: %w", err)
	}
	object, err := parseHeadKey(string(rec.GetKey()))
	return object, rec.GetValue(), err
}

func (t *table) putProvider(ctx context.Context, k ds.Key, value []byte) error {
	had, err := t.Batching.Has(ctx, k)
	if err != nil {
		return err
	}
	if !had {
		n := 0
		err := t.keys(ctx, k.Parent().String(), providersPerKeyMax, func(ds.Key) error { n++; return nil })
		if err != nil {
			return err
		}
		if n >= providersPerKeyMax || t.providers >= providersMax {
			return errTableFull
		}
		t.providers++
	}
	return t.Batching.Put(ctx, k, value)
}
