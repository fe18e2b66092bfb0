package dht

import (
	"context"
	"errors"
	"fmt"

	record "github.com/libp2p/go-libp2p-record"
	recpb "github.com/libp2p/go-libp2p-record/pb"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/atollnet/atoll/internal/wire"
)

// HeadPut is a head record on its way. Whom to give it to is looked for while
// the record is still being made: somebody waits for it.
type HeadPut struct {
	dht     *DHT
	object  wire.ObjectID
	ctx     context.Context
	end     context.CancelFunc
	nearest chan lookup // gets one
}

// lookup is what a search for the peers nearest to a key has found.
type lookup struct {
	peers []peer.ID
	err   error
}

// PrepareHead begins to look for the peers nearest to an object's head record.
// The caller calls Close.
func (d *DHT) PrepareHead(ctx context.Context, object wire.ObjectID) *HeadPut {
	ctx, end := d.bound(ctx)
	p := &HeadPut{dht: d, object: object, ctx: ctx, end: end, nearest: make(chan lookup, 1)}
	d.tasks.Go(func(context.Context) {
		peers, err := d.closest(ctx, headKey(object), everyone)
		p.nearest <- lookup{peers, err}
	})
	return p
}

// Close ends the search. What Put has begun goes on.
func (p *HeadPut) Close() { p.end() }

// Put is PutHead for one who waits: it returns as soon as half of the nearest
// peers have confirmed the record, and at least enough of them if so many can.
// The others are told in the background. It is called once.
func (p *HeadPut) Put(value []byte, enough int) (confirmed int, err error) {
	d := p.dht
	rec, err := d.makeHead(p.object, value)
	if err != nil {
		return 0, err
	}
	if err := d.hold(p.ctx, rec); err != nil {
		return 0, fmt.Errorf("dht: put head of %s: %w", p.object, err)
	}
	floor := make(chan error, 1) // durable while others are told
	go func() { floor <- d.table.raiseFloor(p.ctx, p.object, value) }()
	confirmed, err = p.spread(rec, enough)
	if floorErr := <-floor; floorErr != nil {
		return confirmed, fmt.Errorf("dht: put head of %s: %w", p.object, floorErr)
	}
	return confirmed, err
}

// spread waits for the search and tells those whom it has found.
func (p *HeadPut) spread(rec *recpb.Record, enough int) (int, error) {
	select {
	case near := <-p.nearest:
		if errors.Is(near.err, errNoPeers) {
			return 0, nil
		}
		if near.err != nil && len(near.peers) == 0 {
			return 0, fmt.Errorf("dht: put head of %s: %w", p.object, near.err)
		}
		return p.dht.putMost(p.ctx, near.peers, rec, enough), nil
	case <-p.ctx.Done():
		return 0, fmt.Errorf("dht: put head of %s: %w", p.object, context.Cause(p.ctx))
	}
}

// putMost puts a record to all peers at once and returns how many had confirmed
// it when these were enough, and half of all.
func (d *DHT) putMost(ctx context.Context, peers []peer.ID, rec *recpb.Record, enough int) (confirmed int) {
	results := make(chan error, len(peers)) // nobody who is late waits
	for _, to := range peers {
		d.tasks.Go(func(ctx context.Context) {
			ctx, cancel := context.WithTimeout(ctx, 2*rpcTimeout)
			defer cancel()
			results <- d.putOne(ctx, to, rec)
		})
	}
	enough = max(enough, (len(peers)+1)/2)
	for range peers {
		select {
		case err := <-results:
			if err == nil {
				confirmed++
			}
		case <-ctx.Done():
			return confirmed
		}
		if confirmed >= enough {
			return confirmed
		}
	}
	return confirmed
}

// makeHead makes the record of a head that is in order.
func (d *DHT) makeHead(object wire.ObjectID, value []byte) (*recpb.Record, error) {
	key := headKey(object)
	if err := (headValidator{d.config.Heads}).Validate(key, value); err != nil {
		return nil, err
	}
	return record.MakePutRecord(key, value), nil
}
