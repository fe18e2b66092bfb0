package dht

import (
	"context"
	"errors"

	"github.com/atollnet/atoll/internal/wire"
)

// SawHead notes a head record that this peer has from elsewhere and has checked:
// it is never led back behind it, not after a restart either.
func (d *DHT) SawHead(ctx context.Context, object wire.ObjectID, value []byte) error {
	err := d.table.raiseFloor(ctx, object, value)
	if errors.Is(err, ErrOlder) {
		return nil
	}
	return err
}
