package record

import (
	"fmt"
	"time"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
)

// skew is how far clocks of honest peers may differ. A peer that keeps a record
// for others is that lenient; one that answers a client is not.
const skew = time.Hour

// Check parses a record of either kind and reports why it does not belong under
// that identifier, or is not valid at that time.
func Check(kind wire.RecordKind, id wire.RecordID, value []byte, now time.Time) error {
	zone, want, err := identify(kind, value)
	if err != nil {
		return err
	}
	if want != id {
		return ErrForeign
	}
	return zone.valid(now, skew)
}

// identify parses a record and returns the identifier that it belongs under.
func identify(kind wire.RecordKind, value []byte) (*Zone, wire.RecordID, error) {
	switch kind {
	case wire.RecordName:
		n, err := ParseName(value)
		if err != nil {
			return nil, wire.RecordID{}, err
		}
		digest, err := n.Zone.Digest()
		return &n.Zone, naming.NameID(digest, n.Owner), err
	case wire.RecordDenial:
		d, err := ParseDenial(value)
		if err != nil {
			return nil, wire.RecordID{}, err
		}
		digest, err := d.Zone.Digest()
		return &d.Zone, naming.DenialID(digest, d.Bits, d.Prefix), err
	}
	return nil, wire.RecordID{}, fmt.Errorf("%w: kind %.40q", ErrRecord, kind)
}

// ValidAt reports why the record's signatures are not valid at that time.
func (z *Zone) ValidAt(now time.Time) error { return z.valid(now, 0) }

func (z *Zone) valid(now time.Time, skew time.Duration) error {
	switch {
	case now.Add(-skew).Unix() > int64(z.Expiration):
		return ErrExpired
	case now.Add(skew).Unix() < int64(z.Inception):
		return ErrEarly
	}
	return nil
}

// Stamp returns the serial number and the expiry of a record, without checking
// its signature.
func Stamp(kind wire.RecordKind, value []byte) (serial uint64, expires time.Time, err error) {
	var z *Zone
	switch kind {
	case wire.RecordName:
		n := new(Name)
		err = wire.Unmarshal(value, n, wire.NameRecordBytesMax)
		z = &n.Zone
	case wire.RecordDenial:
		d := new(Denial)
		err = wire.Unmarshal(value, d, wire.NameRecordBytesMax)
		z = &d.Zone
	default:
		err = ErrRecord
	}
	if err != nil {
		return 0, time.Time{}, err
	}
	return z.Serial, time.Unix(int64(z.Expiration), 0), nil
}
