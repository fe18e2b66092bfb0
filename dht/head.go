package dht

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	pb "github.com/libp2p/go-libp2p-kad-dht/pb"
	"github.com/libp2p/go-libp2p-kad-dht/records"
	record "github.com/libp2p/go-libp2p-record"
	recpb "github.com/libp2p/go-libp2p-record/pb"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/atollnet/atoll/internal/wire"
)

const (
	headNamespace = "atoll-head"

	// headQuorum is how many peers must have given a head, the newest among
	// them, before a lookup ends early.
	headQuorum = 4
	// confirmTail is how long a put waits for the rest once half of the
	// peers have confirmed.
	confirmTail = 500 * time.Millisecond
	// repairsMax bounds the lookups whose stale answers are being mended at
	// the same time.
	repairsMax = 4
)

func headKey(object wire.ObjectID) string { return "/" + headNamespace + "/" + object.String() }

func parseHeadKey(key string) (wire.ObjectID, error) {
	text, ok := strings.CutPrefix(key, "/"+headNamespace+"/")
	if !ok {
		return wire.ObjectID{}, fmt.Errorf("dht: %q is not the key of a head", key)
	}
	return wire.ParseObjectID(text)
}

// headValidator is the library's view of a HeadRule.
type headValidator struct{ rule HeadRule }

// Validate refuses what is no head record of the object that the key names.
func (v headValidator) Validate(key string, value []byte) error {
	object, err := parseHeadKey(key)
	if err != nil {
		return err
	}
	if len(value) > wire.HeadBytesMax {
		return fmt.Errorf("dht: head of %d bytes, limit %d", len(value), wire.HeadBytesMax)
	}
	return v.rule.Check(object, value)
}

// Select returns the index of the newest value; the first one among equals.
func (v headValidator) Select(key string, values [][]byte) (int, error) {
	object, err := parseHeadKey(key)
	if err != nil || len(values) == 0 {
		return 0, fmt.Errorf("dht: nothing to select from for %q", key)
	}
	best := 0
	for i := 1; i < len(values); i++ {
		if v.rule.Newer(object, values[i], values[best]) {
			best = i
		}
	}
	return best, nil
}

// newer reports whether a is newer than b, of one key that has been validated.
func (v headValidator) newer(key string, a, b []byte) bool {
	object, err := parseHeadKey(key)
	return err == nil && v.rule.Newer(object, a, b)
}

// PutHead stores a head record at the peers nearest to its key, and here, and
// returns how many others confirmed that they hold it. That none did is no
// error: there may be nobody else. Errors: those of HeadRule.Check; ErrOlder if
// this peer has seen a newer one.
func (d *DHT) PutHead(ctx context.Context, object wire.ObjectID, value []byte) (confirmed int, err error) {
	ctx, cancel := d.bound(ctx)
	defer cancel()
	rec, err := d.makeHead(object, value)
	if err != nil {
		return 0, err
	}
	if err := d.keep(ctx, object, rec); err != nil {
		return 0, fmt.Errorf("dht: put head of %s: %w", object, err)
	}
	return d.spread(ctx, rec)
}

// spread puts a record to the peers nearest to its key and returns how many
// confirmed. To have nobody to put it to is no error.
func (d *DHT) spread(ctx context.Context, rec *recpb.Record) (confirmed int, err error) {
	nearest, err := d.closest(ctx, string(rec.Key), everyone)
	if errors.Is(err, errNoPeers) {
		return 0, nil
	}
	if err != nil && len(nearest) == 0 {
		return 0, fmt.Errorf("dht: put record: %w", err)
	}
	return d.putAll(ctx, nearest, rec), nil
}

// keep stores a record of this peer's own here.
func (d *DHT) keep(ctx context.Context, object wire.ObjectID, rec *recpb.Record) error {
	if err := d.hold(ctx, rec); err != nil {
		return err
	}
	return d.table.raiseFloor(ctx, object, rec.Value)
}

// hold puts a record of this peer's own into its table. That the table is full
// is no error: the floor has room for it in any case.
func (d *DHT) hold(ctx context.Context, rec *recpb.Record) error {
	switch err := d.held.Put(ctx, string(rec.Key), rec); {
	case errors.Is(err, records.ErrOldRecord):
		return ErrOlder
	case err != nil && !errors.Is(err, errTableFull):
		return err
	}
	return nil
}

// putAll puts a record to all peers at once and returns how many confirmed. It
// returns when all have answered, or a short while after half of them have.
func (d *DHT) putAll(ctx context.Context, peers []peer.ID, rec *recpb.Record) (confirmed int) {
	return d.putEach(ctx, peers, rec, d.putOne)
}

// putEach is putAll with a way to put to one.
func (d *DHT) putEach(ctx context.Context, peers []peer.ID, rec *recpb.Record, put func(context.Context, peer.ID, *recpb.Record) error) (confirmed int) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan error, len(peers))
	for _, p := range peers {
		d.tasks.Go(func(context.Context) { results <- put(ctx, p, rec) })
	}
	var tail <-chan time.Time
	for range peers {
		select {
		case err := <-results:
			if err == nil {
				confirmed++
			}
		case <-tail:
			return confirmed
		case <-ctx.Done():
			return confirmed
		}
		if tail == nil && 2*confirmed >= len(peers) {
			tail = time.After(confirmTail)
		}
	}
	return confirmed
}

// putOne puts a record to p, as soon as p takes one more, and returns nil if p says
// that it holds it.
func (d *DHT) putOne(ctx context.Context, p peer.ID, rec *recpb.Record) error {
	waiting, cancel := context.WithTimeout(ctx, d.messenger.limit)
	defer cancel()
	if err := d.pace.of(p).rate.Wait(waiting); err != nil {
		return fmt.Errorf("dht: %s is given too much: %w", p, err)
	}
	return d.tell(ctx, p, rec)
}

// tell is putOne without regard for what p takes. (The library's own way trusts the
// answer to hold a record at all.)
func (d *DHT) tell(ctx context.Context, p peer.ID, rec *recpb.Record) error {
	q := pb.NewMessage(pb.Message_PUT_VALUE, rec.Key, 0)
	q.Record = rec
	answer, err := d.messenger.SendRequest(ctx, p, q)
	if err != nil {
		return err
	}
	if string(answer.GetRecord().GetValue()) != string(rec.GetValue()) {
		return fmt.Errorf("dht: %s did not confirm the record", p)
	}
	return nil
}

// Head returns the newest head record of the object that the nearest peers, or
// this one, hold, and never an older one than this peer has seen. Errors:
// ErrNotFound; that of the context.
func (d *DHT) Head(ctx context.Context, object wire.ObjectID) ([]byte, error) {
	ctx, cancel := d.bound(ctx)
	defer cancel()
	poll := newPoll(d, headKey(object), headValidator{d.config.Heads})
	poll.best = d.table.floor(ctx, object)
	if value, found := d.ahead(poll.key, poll.judge); found && poll.offer(value) {
		return value, d.saw(ctx, object, value)
	}
	nearest, err := poll.run(ctx)
	best := poll.result()
	if best == nil {
		if err == nil || errors.Is(err, errNoPeers) {
			err = ErrNotFound
		}
		return nil, fmt.Errorf("dht: head of %s: %w", object, err)
	}
	if err := d.saw(ctx, object, best); err != nil {
		return nil, fmt.Errorf("dht: head of %s: %w", object, err)
	}
	d.replicas.Asked(poll.key)
	d.mend(poll.stale(nearest), record.MakePutRecord(poll.key, best))
	return best, nil
}
