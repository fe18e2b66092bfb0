package dht

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	ds "github.com/ipfs/go-datastore"

	"github.com/atollnet/atoll/internal/wire"
)

func floorKey(object wire.ObjectID) ds.Key { return ds.RawKey(floorPrefix + object.String()) }

// floor returns the newest head of the object that this peer has put or looked
// up, or nil.
func (t *table) floor(ctx context.Context, object wire.ObjectID) []byte {
	value, err := t.Batching.Get(ctx, floorKey(object))
	if err != nil {
		return nil
	}
	return value
}

// raiseFloor notes, durably, that this peer has seen a head. It fails with
// ErrOlder if it has seen a newer one.
func (t *table) raiseFloor(ctx context.Context, object wire.ObjectID, head []byte) error {
	raised, err := t.setFloor(ctx, object, head)
	if err != nil || !raised {
		return err
	}
	return t.Batching.Sync(ctx, floorKey(object)) // not under the lock: others put meanwhile
}

// setFloor is raiseFloor but for the sync; it reports whether one is due.
func (t *table) setFloor(ctx context.Context, object wire.ObjectID, head []byte) (raised bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := t.floor(ctx, object)
	switch {
	case bytes.Equal(known, head) && known != nil:
		return false, nil
	case known != nil && t.rule.Newer(object, known, head):
		return false, ErrOlder
	}
	if err := t.Batching.Put(ctx, floorKey(object), head); err != nil {
		return false, fmt.Errorf("dht: keep the floor: %w", err)
	}
	return true, nil
}

// saw notes a head that a reader waits for. It becomes durable in the background:
// a crash of this process loses nothing, and a crash of the machine within these
// milliseconds what its user had only just begun to read.
func (d *DHT) saw(ctx context.Context, object wire.ObjectID, head []byte) error {
	raised, err := d.table.setFloor(ctx, object, head)
	if errors.Is(err, ErrOlder) {
		return nil
	}
	if raised {
		d.floorRaised()
	}
	return err
}

// floorRaised has floors made durable soon.
func (d *DHT) floorRaised() {
	select {
	case d.floors <- struct{}{}:
	default: // the sync that is due covers it
	}
}

// syncFloors makes floors durable that saw has raised.
func (d *DHT) syncFloors(ctx context.Context) {
	for {
		select {
		case <-d.floors:
		case <-ctx.Done():
			return
		}
		if err := d.table.Batching.Sync(ctx, ds.NewKey(floorPrefix)); err != nil && ctx.Err() == nil {
			d.log.Warn("cannot make durable which heads were seen", "error", err)
		}
	}
}

// SawHead notes a head record that this peer has from elsewhere and has checked:
// it is never led back behind it, not after a restart either.
func (d *DHT) SawHead(ctx context.Context, object wire.ObjectID, value []byte) error {
	return d.saw(ctx, object, value)
}
