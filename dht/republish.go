package dht

import (
	"context"
	"math/rand/v2"
	"time"

	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
	record "github.com/libp2p/go-libp2p-record"
	recpb "github.com/libp2p/go-libp2p-record/pb"
	"google.golang.org/protobuf/proto"
)

const (
	// republishAge is how old a held head becomes, on average, before it is
	// put again. A put renews it at everyone who takes it, so usually one of
	// its twenty holders does the work for all.
	republishAge = 8 * time.Hour
	// republishPause separates two puts, and republishRound two rounds over
	// what is held: the table is put again at a rate that nobody notices.
	republishPause = time.Second
	republishRound = 20 * time.Minute
	// namesAtOnce bounds the name records of one round: heads are not kept
	// waiting for hours.
	namesAtOnce = 4096
)

// republish puts again the records that this peer holds, so that they outlive
// those who hold them: heads, and name and denial records while they are valid.
func (d *DHT) republish(ctx context.Context) {
	for sleep(ctx, jitter(republishRound)) {
		for _, round := range []func(context.Context, time.Time) error{d.republishRound, d.republishNames} {
			if err := round(ctx, time.Now()); err != nil && ctx.Err() == nil {
				d.log.Warn("cannot republish records", "error", err)
			}
		}
	}
}

// republishNames puts again what is old of the name and denial records, and
// drops those that have expired.
func (d *DHT) republishNames(ctx context.Context, now time.Time) error {
	if d.config.Records == nil {
		return nil
	}
	refs, err := d.oldNames(ctx, now)
	if err != nil {
		return err
	}
	held := func(r Ref) ([]byte, bool) { return d.Held(ctx, r.Kind, r.ID) }
	return d.Sweep(ctx, refs, held, func(r Ref, _ int) {
		if value, ok := held(r); ok { // renews its age here, if it is still the newest
			key := recordKey(r.Kind, r.ID)
			_ = d.held.Put(ctx, key, record.MakePutRecord(key, value))
		}
	})
}

// oldNames returns the records to put again, namesAtOnce at most.
func (d *DHT) oldNames(ctx context.Context, now time.Time) (refs []Ref, err error) {
	var expired []ds.Key
	for _, kind := range recordKinds {
		results, err := d.table.Query(ctx, query.Query{Prefix: recordPrefix(kind)})
		if err != nil {
			return nil, err
		}
		for r := range results.Next() {
			rec := new(recpb.Record)
			if r.Error != nil || proto.Unmarshal(r.Value, rec) != nil {
				continue
			}
			stamp, err := d.config.Records.Stamp(kind, rec.GetValue())
			_, id, errKey := parseRecordKey(string(rec.GetKey()))
			switch {
			case err != nil || errKey != nil || !now.Before(stamp.Expires):
				expired = append(expired, ds.RawKey(r.Key))
			case len(refs) < namesAtOnce && old(rec, now):
				refs = append(refs, Ref{kind, id})
			}
		}
	}
	for _, k := range expired {
		if err := d.table.Delete(ctx, k); err != nil {
			return nil, err
		}
	}
	return refs, nil
}

// republishRound puts again what is old at the given time.
func (d *DHT) republishRound(ctx context.Context, now time.Time) error {
	results, err := d.table.Query(ctx, query.Query{Prefix: headPrefix})
	if err != nil {
		return err
	}
	defer results.Close()
	for {
		r, ok := results.NextSync()
		if !ok || r.Error != nil {
			return r.Error
		}
		rec := new(recpb.Record)
		if proto.Unmarshal(r.Value, rec) != nil || !old(rec, now) {
			continue
		}
		d.republishOne(ctx, rec)
		if !sleep(ctx, jitter(republishPause)) {
			return ctx.Err()
		}
	}
}

func (d *DHT) republishOne(ctx context.Context, rec *recpb.Record) {
	rec.TimeReceived = ""
	nearest, err := d.closest(ctx, string(rec.Key), everyone)
	if err != nil {
		return
	}
	d.putAll(ctx, nearest, rec)
	// Renews its age here; if a newer one has come meanwhile, that one stays.
	_ = d.held.Put(ctx, string(rec.Key), rec)
}

// old reports whether a record was received long ago. The limit differs from
// peer to peer and from time to time, so that not all holders begin at once.
func old(rec *recpb.Record, now time.Time) bool {
	received, err := time.Parse(time.RFC3339Nano, string(rec.GetTimeReceived()))
	return err != nil || now.Sub(received) > jitter(republishAge)
}

// jitter returns a time between three and five quarters of d.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + rand.N(d/2)
}

// sleep waits and reports whether the context still holds.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
