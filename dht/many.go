package dht

import (
	"context"
	"errors"
	"maps"
	"sync"
	"sync/atomic"

	ds "github.com/ipfs/go-datastore"
	record "github.com/libp2p/go-libp2p-record"
	recpb "github.com/libp2p/go-libp2p-record/pb"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"
)

const (
	// partsMax is into how many parts of the key space many records are cut; the
	// records of one are put after each other.
	partsMax = 16
	// manyPerSecond and manyBurst are how many of many records one peer is given,
	// below the putRate that it allows, so that there is room for others of ours;
	// manyAtOnce how many of them at the same time.
	manyPerSecond = 16
	manyBurst     = 160
	manyAtOnce    = 2
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

// pace keeps what each peer is given within what it takes.
type pace struct {
	mu    sync.Mutex
	peers map[peer.ID]*peerPace // those of the last puts
}

type peerPace struct {
	rate *rate.Limiter
	busy chan struct{}
	// failures in a row
	failures atomic.Int32
}

// begin forgets who failed, and peers that have been left alone for long enough to
// be given a burst again.
func (p *pace) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.peers, func(_ peer.ID, at *peerPace) bool {
		at.failures.Store(0)
		return len(at.busy) == 0 && at.rate.Tokens() >= manyBurst
	})
}

func (p *pace) of(id peer.ID) *peerPace {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.peers[id]
	if at == nil {
		at = &peerPace{rate: rate.NewLimiter(manyPerSecond, manyBurst), busy: make(chan struct{}, manyAtOnce)}
		p.peers[id] = at
	}
	return at
}

// putPaced is putOne for one record of many.
func (d *DHT) putPaced(ctx context.Context, to peer.ID, rec *recpb.Record) error {
	at := d.pace.of(to)
	if at.failures.Load() >= failuresMax {
		return errGivenUp
	}
	if err := at.rate.Wait(ctx); err != nil {
		return err
	}
	select {
	case at.busy <- struct{}{}:
		defer func() { <-at.busy }()
	case <-ctx.Done():
		return ctx.Err()
	}
	err := d.putOne(ctx, to, rec)
	if err == nil {
		at.failures.Store(0)
	} else {
		at.failures.Add(1)
	}
	return err
}
