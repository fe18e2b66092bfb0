package dht

import (
	"context"
	"encoding/base32"
	"errors"
	"fmt"
	"testing"
	"time"

	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	dssync "github.com/ipfs/go-datastore/sync"
	"github.com/libp2p/go-libp2p-kad-dht/records"
	record "github.com/libp2p/go-libp2p-record"
	"github.com/libp2p/go-libp2p/core/peer"
	"google.golang.org/protobuf/proto"

	"github.com/atollnet/atoll/internal/kv/kvtest"
	"github.com/atollnet/atoll/internal/wire"
)

func openTestTable(t *testing.T, inner ds.Batching) *table {
	t.Helper()
	tab, err := openTable(t.Context(), inner, peer.ID("self"), Config{Heads: testRule{}})
	if err != nil {
		t.Fatal(err)
	}
	return tab
}

func TestHeadTableIsBoundedAndKeepsTheNearest(t *testing.T) {
	tab := openTestTable(t, dssync.MutexWrap(ds.NewMapDatastore()))
	held := records.NewValueStore(tab, record.NamespacedValidator{headNamespace: headValidator{testRule{}}}, 0)
	refused := 0
	for i := range headsMax + 200 {
		o := wire.ObjectID(wire.Derive("atoll/v1/test", fmt.Append(nil, i)))
		key := headKey(o)
		err := held.Put(context.Background(), key, record.MakePutRecord(key, makeHead(o, 1)))
		if err != nil && !errors.Is(err, errTableFull) {
			t.Fatal(err)
		}
		if err != nil {
			refused++
		}
	}
	if len(tab.heads.held) != headsMax || refused == 0 || refused == 200 {
		t.Errorf("%d heads, limit %d; %d refused of 200 above it", len(tab.heads.held), headsMax, refused)
	}
	if n := count(t, tab, headPrefix); n != headsMax {
		t.Errorf("the store holds %d heads", n)
	}
	if again := openTestTable(t, tab.Batching); len(again.heads.held) != headsMax {
		t.Errorf("reopened: %d heads", len(again.heads.held))
	}
}

func count(t *testing.T, tab *table, prefix string) (n int) {
	t.Helper()
	if err := tab.keys(t.Context(), prefix, 0, func(ds.Key) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestProviderTableIsBounded(t *testing.T) {
	tab := openTestTable(t, datastore{kvtest.NewMemory()})
	put := func(key, peer int) error {
		return tab.Put(t.Context(), ds.NewKey(fmt.Sprintf("/providers/K%d/P%d", key, peer)), []byte{1})
	}
	for i := range providersPerKeyMax + 5 {
		if err := put(0, i); (err != nil) != (i >= providersPerKeyMax) {
			t.Errorf("provider %d of one extent: %v", i, err)
		}
	}
	if err := put(0, 3); err != nil {
		t.Errorf("renewing a record of a full extent: %v", err)
	}
	tab.providers = providersMax
	if err := put(1, 1); !errors.Is(err, errTableFull) {
		t.Errorf("a record above the limit: %v", err)
	}
	if err := tab.Delete(t.Context(), ds.NewKey("/providers/K0/P3")); err != nil {
		t.Fatal(err)
	}
	if err := put(1, 1); err != nil {
		t.Errorf("a record after one was removed: %v", err)
	}
	if again := openTestTable(t, tab.Batching); again.providers != providersPerKeyMax {
		t.Errorf("reopened: %d providers, want %d", again.providers, providersPerKeyMax)
	}
	if err := tab.Put(t.Context(), ds.NewKey("/other/x"), nil); err == nil {
		t.Error("a foreign kind of record was taken")
	}
}

func TestTableNeverGoesBackWhoeverWrites(t *testing.T) {
	tab := openTestTable(t, datastore{kvtest.NewMemory()})
	o := object(1)
	write := func(n uint64) error {
		rec := record.MakePutRecord(headKey(o), makeHead(o, n))
		b, err := proto.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		return tab.Put(t.Context(), ds.NewKey(headPrefix+"MFRGG"), b)
	}
	for _, step := range []struct {
		n    uint64
		want error
	}{{2, nil}, {1, ErrOlder}, {2, nil}, {3, nil}} {
		if err := write(step.n); !errors.Is(err, step.want) {
			t.Errorf("head %d: %v, want %v", step.n, err, step.want)
		}
	}
	if err := tab.raiseFloor(t.Context(), o, makeHead(o, 9)); err != nil {
		t.Fatal(err)
	}
	if err := write(8); !errors.Is(err, ErrOlder) {
		t.Errorf("a head below the floor: %v", err)
	}
	if err := tab.raiseFloor(t.Context(), o, makeHead(o, 8)); !errors.Is(err, ErrOlder) {
		t.Errorf("lowering the floor: %v", err)
	}
}

func TestDatastoreIsWhatTheLibraryExpects(t *testing.T) {
	d := openDatastore(kvtest.NewMemory())
	ctx := t.Context()
	if _, err := d.Get(ctx, ds.NewKey("/a/b")); !errors.Is(err, ds.ErrNotFound) {
		t.Errorf("Get of an absent key: %v", err)
	}
	if n, err := d.GetSize(ctx, ds.NewKey("/a/b")); n != -1 || !errors.Is(err, ds.ErrNotFound) {
		t.Errorf("GetSize of an absent key: %d, %v", n, err)
	}
	const entries = 2*pageEntriesMax + 7
	for i := range entries {
		if err := d.Put(ctx, ds.NewKey(fmt.Sprintf("/a/%04d", i)), []byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Put(ctx, ds.NewKey("/ab"), []byte("x")); err != nil {
		t.Fatal(err)
	}
	for _, q := range []struct {
		query query.Query
		want  int
	}{
		{query.Query{Prefix: "/a"}, entries},
		{query.Query{Prefix: "/a/", KeysOnly: true}, entries},
		{query.Query{Prefix: "/a", Limit: 3}, 3},
		{query.Query{}, entries + 1},
		{query.Query{Prefix: "/c"}, 0},
	} {
		r, err := d.Query(ctx, q.query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Rest()
		if err != nil || len(got) != q.want {
			t.Errorf("%v: %d entries, want %d, %v", q.query, len(got), q.want, err)
		}
	}
	if has, err := d.Has(ctx, ds.NewKey("/ab")); err != nil || !has {
		t.Errorf("Has = %v, %v", has, err)
	}
	if v, err := d.Get(ctx, ds.NewKey("/a/0259")); err != nil || len(v) != 1 || v[0] != 3 {
		t.Errorf("Get = %v, %v", v, err)
	}
}

// Answers that anybody may share fill a table of their own, and crowd out no names.
func TestSharedAnswersAreBounded(t *testing.T) {
	tab, err := openTable(t.Context(), dssync.MutexWrap(ds.NewMapDatastore()), peer.ID("self"), Config{Heads: testRule{}, Records: testRecordRule{}})
	if err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(time.Hour)
	put := func(kind wire.RecordKind, i int) error {
		id := recordID(i)
		key := recordKey(kind, id)
		b, err := proto.Marshal(record.MakePutRecord(key, makeRecord(id, 1, later)))
		if err != nil {
			t.Fatal(err)
		}
		return tab.Put(t.Context(), ds.RawKey(recordPrefix(kind)+base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString([]byte(key))), b)
	}
	if err := put(wire.RecordName, 0); err != nil {
		t.Fatal(err)
	}
	for i := range answersMax + 100 {
		if err := put(wire.RecordChain, i); err != nil && !errors.Is(err, errTableFull) {
			t.Fatal(err)
		}
	}
	if n := count(t, tab, recordPrefix(wire.RecordChain)); n != answersMax || len(tab.answers.held) != answersMax {
		t.Errorf("%d answers are held, limit %d", n, answersMax)
	}
	if n := count(t, tab, recordPrefix(wire.RecordName)); n != 1 {
		t.Errorf("%d names are held", n)
	}
	if raised, err := tab.liftNameFloor(t.Context(), wire.RecordChain, recordID(1), makeRecord(recordID(1), 5, later)); raised || err != nil {
		t.Errorf("a floor for a shared answer: %v, %v", raised, err)
	}
}
