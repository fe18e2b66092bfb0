package dht

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	ds "github.com/ipfs/go-datastore"
	"github.com/libp2p/go-libp2p-kad-dht/records"
	record "github.com/libp2p/go-libp2p-record"
	recpb "github.com/libp2p/go-libp2p-record/pb"
	"google.golang.org/protobuf/proto"

	"github.com/atollnet/atoll/internal/wire"
)

// recordKinds are the kinds of records that a RecordRule judges.
var recordKinds = []wire.RecordKind{wire.RecordName, wire.RecordDenial, wire.RecordChain}

// hasFloor reports whether it is kept in mind which record of a key was the newest
// that this peer has seen. Of shared answers it is not: they are short-lived, and
// each is good until it ends.
func hasFloor(kind wire.RecordKind) bool { return kind != wire.RecordChain }

// Stamp is what orders the records of one key, and when they end.
type Stamp struct {
	Serial  uint64
	Expires time.Time
}

// RecordRule judges records whose formats this package does not know. A value
// names its own signer: its key is derived from that, so a record that fits its
// key is its signer's.
type RecordRule interface {
	// Check reports why value is no record of that kind and key, or why it is
	// not valid now.
	Check(kind wire.RecordKind, id wire.RecordID, value []byte) error
	// Stamp reads the serial number and the expiry of a record, unchecked.
	Stamp(kind wire.RecordKind, value []byte) (Stamp, error)
}

func recordPrefix(kind wire.RecordKind) string { return "/" + string(kind) + "/" }

func recordKey(kind wire.RecordKind, id wire.RecordID) string {
	return recordPrefix(kind) + id.String()
}

func parseRecordKey(key string) (kind wire.RecordKind, id wire.RecordID, err error) {
	for _, kind := range recordKinds {
		if text, ok := strings.CutPrefix(key, recordPrefix(kind)); ok {
			id, err = wire.ParseRecordID(text)
			return kind, id, err
		}
	}
	return kind, id, fmt.Errorf("dht: %.80q is not the key of a record", key)
}

// isRecord reports whether the library files such records under that name.
func isRecord(name string) bool {
	for _, kind := range recordKinds {
		if strings.HasPrefix(name, recordPrefix(kind)) {
			return true
		}
	}
	return false
}

// recordJudge is the view that the library and a poll have of a RecordRule.
type recordJudge struct {
	rule  RecordRule
	floor uint64 // no record with a smaller serial number is valid
}

// Validate refuses what is no record of the key.
func (j recordJudge) Validate(key string, value []byte) error {
	kind, id, err := parseRecordKey(key)
	if err != nil {
		return err
	}
	if len(value) > wire.NameRecordBytesMax {
		return fmt.Errorf("dht: record of %d bytes, limit %d", len(value), wire.NameRecordBytesMax)
	}
	if err := j.rule.Check(kind, id, value); err != nil {
		return err
	}
	if s, err := j.rule.Stamp(kind, value); err != nil || s.Serial < j.floor {
		return ErrOlder
	}
	return nil
}

// Select returns the index of the newest value; the first one among equals.
func (j recordJudge) Select(key string, values [][]byte) (int, error) {
	if len(values) == 0 {
		return 0, fmt.Errorf("dht: nothing to select from for %.80q", key)
	}
	best := 0
	for i := 1; i < len(values); i++ {
		if j.newer(key, values[i], values[best]) {
			best = i
		}
	}
	return best, nil
}

// newer compares serial numbers. An owner uses each once for a key; where he did
// not, all peers still choose alike.
func (j recordJudge) newer(key string, a, b []byte) bool {
	kind, _, err := parseRecordKey(key)
	if err != nil {
		return false
	}
	x, errA := j.rule.Stamp(kind, a)
	y, errB := j.rule.Stamp(kind, b)
	if errA != nil || errB != nil || x.Serial == y.Serial {
		return errA == nil && string(a) > string(b)
	}
	return x.Serial > y.Serial
}

var errNoRule = errors.New("dht: this peer has no rule for such records")

// PutRecord stores a record at the peers nearest to its key, and here, and
// returns how many others confirmed that they hold it. That none did is no
// error: there may be nobody else. Errors: those of RecordRule.Check; ErrOlder
// if this peer has seen a newer one.
func (d *DHT) PutRecord(ctx context.Context, kind wire.RecordKind, id wire.RecordID, value []byte) (confirmed int, err error) {
	ctx, cancel := d.bound(ctx)
	defer cancel()
	if err := d.storeRecord(ctx, kind, id, value); err != nil {
		return 0, err
	}
	floor := make(chan error, 1) // durable while others are told
	go func() { floor <- d.table.raiseNameFloor(ctx, kind, id, value) }()
	confirmed, err = d.give(ctx, record.MakePutRecord(recordKey(kind, id), value))
	if floorErr := <-floor; floorErr != nil {
		return confirmed, fmt.Errorf("dht: put record: %w", floorErr)
	}
	return confirmed, err
}

// KeepRecord stores a record here, as if a peer had put it, and raises the
// floor: this peer gives and takes no older one from now on. Errors as those of
// PutRecord.
func (d *DHT) KeepRecord(ctx context.Context, kind wire.RecordKind, id wire.RecordID, value []byte) error {
	if err := d.storeRecord(ctx, kind, id, value); err != nil {
		return err
	}
	return d.table.raiseNameFloor(ctx, kind, id, value)
}

// storeRecord stores a record here and leaves the floor as it is.
func (d *DHT) storeRecord(ctx context.Context, kind wire.RecordKind, id wire.RecordID, value []byte) error {
	if d.config.Records == nil {
		return errNoRule
	}
	key := recordKey(kind, id)
	rec := record.MakePutRecord(key, value)
	switch err := d.held.Put(ctx, key, rec); {
	case errors.Is(err, records.ErrOldRecord):
		return ErrOlder
	case err != nil && !errors.Is(err, errTableFull):
		return fmt.Errorf("dht: keep %s: %w", key, err)
	}
	return nil
}

// Record returns the newest record that the nearest peers, or this one, hold,
// and never an older one than this peer has seen. Errors: ErrNotFound; that of
// the context.
func (d *DHT) Record(ctx context.Context, kind wire.RecordKind, id wire.RecordID) ([]byte, error) {
	if d.config.Records == nil {
		return nil, errNoRule
	}
	ctx, cancel := d.bound(ctx)
	defer cancel()
	p := newPoll(d, recordKey(kind, id), recordJudge{d.config.Records, d.table.nameFloor(ctx, kind, id)})
	if value, found := d.nearer(ctx, p); found {
		return value, d.sawRecord(ctx, kind, id, value)
	}
	nearest, err := p.run(ctx)
	best := p.result()
	if best == nil {
		if err == nil || errors.Is(err, errNoPeers) {
			err = ErrNotFound
		}
		return nil, fmt.Errorf("dht: record %s: %w", p.key, err)
	}
	if err := d.sawRecord(ctx, kind, id, best); err != nil {
		return nil, fmt.Errorf("dht: record %s: %w", p.key, err)
	}
	d.replicas.Asked(p.key)
	d.mend(p.stale(nearest), record.MakePutRecord(p.key, best))
	return best, nil
}

// sawRecord notes a record that a reader waits for, as saw does of a head.
func (d *DHT) sawRecord(ctx context.Context, kind wire.RecordKind, id wire.RecordID, value []byte) error {
	raised, err := d.table.liftNameFloor(ctx, kind, id, value)
	if raised {
		d.floorRaised()
	}
	return d.raised(err)
}

// Held returns the record that this peer itself holds, and whether it does. It
// is valid, but there may be a newer one.
func (d *DHT) Held(ctx context.Context, kind wire.RecordKind, id wire.RecordID) ([]byte, bool) {
	rec, err := d.held.Get(ctx, recordKey(kind, id))
	if err != nil || rec == nil || d.config.Records == nil {
		return nil, false
	}
	s, err := d.config.Records.Stamp(kind, rec.GetValue())
	return rec.GetValue(), err == nil && time.Now().Before(s.Expires)
}

// putRecord stores a name or denial record, unless a newer one is known.
func (t *table) putRecord(ctx context.Context, k ds.Key, value []byte) error {
	var rec recpb.Record
	if err := proto.Unmarshal(value, &rec); err != nil {
		return fmt.Errorf("dht: record: %w", err)
	}
	kind, id, err := parseRecordKey(string(rec.GetKey()))
	if err != nil {
		return err
	}
	stamp, err := t.records.Stamp(kind, rec.GetValue())
	if err != nil {
		return err
	}
	if stamp.Serial < t.nameFloor(ctx, kind, id) {
		return ErrOlder
	}
	if err := t.makeRoom(ctx, k, t.shelfOf(kind)); err != nil {
		return err
	}
	err = t.Batching.Put(ctx, k, value)
	if err == nil && t.stored != nil {
		t.stored(kind, id)
	}
	return err
}

// Floors of names are the serial numbers that this peer itself has put or looked
// up, as long as records that are older could still be valid. Its own user's
// questions add to them, so their number is bounded; above it, the newest names
// go without.
const (
	nameFloorPrefix = "/name-floor/"
	nameFloorsMax   = 1 << 18
	nameFloorBytes  = 16 // serial number, and expiry in seconds since 1970
)

func nameFloorKey(kind wire.RecordKind, id wire.RecordID) ds.Key {
	return ds.RawKey(nameFloorPrefix + string(kind) + "/" + id.String())
}

// nameFloor returns the smallest serial number that is not too old.
func (t *table) nameFloor(ctx context.Context, kind wire.RecordKind, id wire.RecordID) uint64 {
	value, err := t.Batching.Get(ctx, nameFloorKey(kind, id))
	if err != nil || len(value) != nameFloorBytes {
		return 0
	}
	return binary.BigEndian.Uint64(value)
}

// raiseNameFloor notes, durably, that this peer has seen a record. It fails with
// ErrOlder if it has seen a newer one.
func (t *table) raiseNameFloor(ctx context.Context, kind wire.RecordKind, id wire.RecordID, value []byte) error {
	raised, err := t.liftNameFloor(ctx, kind, id, value)
	if !raised {
		return err
	}
	return t.Batching.Sync(ctx, nameFloorKey(kind, id))
}

// liftNameFloor is raiseNameFloor before it is durable. It says whether anything
// has changed.
func (t *table) liftNameFloor(ctx context.Context, kind wire.RecordKind, id wire.RecordID, value []byte) (raised bool, err error) {
	if !hasFloor(kind) {
		return false, nil
	}
	stamp, err := t.records.Stamp(kind, value)
	if err != nil {
		return false, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	k := nameFloorKey(kind, id)
	floor := t.nameFloor(ctx, kind, id)
	switch {
	case stamp.Serial < floor:
		return false, ErrOlder
	case stamp.Serial == floor && floor != 0:
		return false, nil
	case floor == 0 && t.floors >= nameFloorsMax:
		return false, nil
	case floor == 0:
		t.floors++
	}
	b := binary.BigEndian.AppendUint64(nil, stamp.Serial)
	b = binary.BigEndian.AppendUint64(b, uint64(stamp.Expires.Unix()))
	if err := t.Batching.Put(ctx, k, b); err != nil {
		return false, fmt.Errorf("dht: keep the floor: %w", err)
	}
	return true, nil
}
