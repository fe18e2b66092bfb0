package dht

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	ds "github.com/ipfs/go-datastore"
	record "github.com/libp2p/go-libp2p-record"
	recpb "github.com/libp2p/go-libp2p-record/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"
)

const (
	// partsMax is into how many parts of the key space many records are cut; the
	// records of one are put after each other.
	partsMax = 16
	// manyAtOnce is how many of many records one peer is given at the same time.
	manyAtOnce = 2
	// failuresMax is how often in a row a peer may fail before the rest of the
	// records go without it: each time takes rpcTimeout. The next sweep asks it
	// again.
	failuresMax = 3
)

var errGivenUp = errors.New("dht: the peer has failed again and again")

// PutRecords is PutRecord for many records: with few lookups, as Sweep does, and
// as fast as peers take them. put is told, by several goroutines, how many peers
// confirmed a record; of one for which nobody could be found, that none did.
// value is as for Sweep. Errors: those of PutRecord.
func (d *DHT) PutRecords(ctx context.Context, refs []Ref, value func(Ref) ([]byte, bool), put func(Ref, int)) error {
	if d.config.Records == nil {
		return errNoRule
	}
	sorted := make([]Ref, 0, len(refs))
	for _, t := range inOrder(refs) {
		sorted = append(sorted, t.Ref)
	}
	d.pace.begin()
	group, ctx := errgroup.WithContext(ctx)
	for i := range partsMax {
		part := sorted[len(sorted)*i/partsMax : len(sorted)*(i+1)/partsMax]
		group.Go(func() error {
			return d.sweep(ctx, part, value, func(r Ref, v []byte, peers []peer.ID) error {
				confirmed, err := d.putOneOfMany(ctx, r, v, peers)
				if err == nil {
					put(r, confirmed)
				}
				return err
			})
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return d.table.Sync(context.WithoutCancel(ctx), ds.NewKey(nameFloorPrefix))
}

func (d *DHT) putOneOfMany(ctx context.Context, r Ref, v []byte, peers []peer.ID) (int, error) {
	if err := d.storeRecord(ctx, r.Kind, r.ID, v); err != nil {
		return 0, err
	}
	if _, err := d.table.liftNameFloor(ctx, r.Kind, r.ID, v); err != nil {
		return 0, err
	}
	rec := record.MakePutRecord(recordKey(r.Kind, r.ID), v)
	var confirmed atomic.Int64
	var group sync.WaitGroup
	for _, to := range peers {
		group.Go(func() {
			if d.putPaced(ctx, to, rec) == nil {
				confirmed.Add(1)
			}
		})
	}
	group.Wait()
	return int(confirmed.Load()), ctx.Err()
}

// putPaced is putOne for one record of many.
func (d *DHT) putPaced(ctx context.Context, to peer.ID, rec *recpb.Record) error {
	at := d.pace.of(to)
	if at.failures.Load() >= failuresMax {
		return errGivenUp
	}
	select {
	case at.busy <- struct{}{}:
		defer func() { <-at.busy }()
	case <-ctx.Done():
		return ctx.Err()
	}
	err := d.putOfMany(ctx, to, rec)
	if err == nil {
		at.failures.Store(0)
	} else if ctx.Err() == nil {
		at.failures.Add(1)
	}
	return err
}

// putOfMany is putOne for a record that leaves room for others.
func (d *DHT) putOfMany(ctx context.Context, to peer.ID, rec *recpb.Record) error {
	if err := d.pace.of(to).waitOfMany(ctx); err != nil {
		return err
	}
	return d.tell(ctx, to, rec)
}
