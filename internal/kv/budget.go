package kv

import "fmt"

// Budget counts what one Update changes against its limits, alike for every
// implementation of Store.
type Budget struct{ entries, bytes, bulk int }

// Spend counts a change. The error matches ErrTooLarge.
func (b *Budget) Spend(key, value []byte) error {
	if len(key) < 1 || len(key) > KeyBytesMax || len(value) > ValueBytesMax {
		return fmt.Errorf("%w: key of %d and value of %d bytes, limits %d and %d", ErrTooLarge, len(key), len(value), KeyBytesMax, ValueBytesMax)
	}
	b.entries++
	b.bulk += len(value)
	b.bytes += entryOverheadBytes + len(key)
	if len(value) < ValueSmallMax {
		b.bytes += len(value)
	} else {
		b.bytes += valuePointerBytes
	}
	if b.entries > UpdateEntriesMax || b.bytes > UpdateBytesMax || b.bulk > UpdateBulkBytesMax {
		return fmt.Errorf("%w: %d changes, %d bytes of keys and small values, %d of all values", ErrTooLarge, b.entries, b.bytes, b.bulk)
	}
	return nil
}
