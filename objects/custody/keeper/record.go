package keeper

import (
	"errors"
	"fmt"

	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/custody"
)

// Keys in the local store begin with 'c' and what they hold.
const (
	keyPrefix   = 'c'
	classExtent = 'e' // object, extent → extentRecord
	classPeer   = 'p' // peer → peerRecord

	classMeasured = 'm' // nothing → measuredRecord

	recordFormat         = 1
	extentRecordBytesMax = 64 << 10
	peerRecordBytesMax   = 256
)

// name is an extent of an object.
type name struct {
	object wire.ObjectID
	extent wire.ExtentID
}

func extentKey(n name) []byte {
	return append(append([]byte{keyPrefix, classExtent}, n.object[:]...), n.extent[:]...)
}

func peerKey(p wire.PeerID) []byte { return append([]byte{keyPrefix, classPeer}, p[:]...) }

// extentRecord is what is known of an extent beside the object's state.
type extentRecord struct {
	_       struct{} `cbor:",toarray"`
	Format  uint64
	K, N    uint8 // 0 until a manifest was seen
	Audited int64 // Unix seconds; 0: never
	Copies  []copyRecord
}

type copyRecord struct {
	_       struct{} `cbor:",toarray"`
	Peer    wire.PeerID
	Share   uint8
	Renewed int64 // Unix seconds; when the lease was granted or renewed last
	Doubt   bool  // it has not proved itself since its peer came back
}

// peerRecord is what is known of a holder.
type peerRecord struct {
	_       struct{} `cbor:",toarray"`
	Format  uint64
	Silent  uint64 // seconds without an answer, while this peer was awake and connected
	Proved  uint64
	Missing uint64
	Lied    uint64
	Late    uint64
}

func parseExtentRecord(b []byte) (r extentRecord, err error) {
	if err := wire.Unmarshal(b, &r, extentRecordBytesMax); err != nil {
		return r, err
	}
	if r.Format != recordFormat || r.K > r.N {
		return r, fmt.Errorf("%w: custody record of format %d, %d of %d", wire.ErrEncoding, r.Format, r.K, r.N)
	}
	return r, nil
}

func parsePeerRecord(b []byte) (r peerRecord, err error) {
	if err := wire.Unmarshal(b, &r, peerRecordBytesMax); err != nil {
		return r, err
	}
	if r.Format != recordFormat {
		return r, fmt.Errorf("%w: custody record of format %d", wire.ErrEncoding, r.Format)
	}
	return r, nil
}

func (p *peer) record() peerRecord {
	c := p.conduct
	return peerRecord{Format: recordFormat, Silent: uint64(p.silence.Seconds), Proved: c.Proved, Missing: c.Missing, Lied: c.Lied, Late: c.Late}
}

func (r peerRecord) apply(p *peer) {
	p.silence = custody.Silence{Seconds: float64(r.Silent)}
	p.conduct = custody.Conduct{Proved: r.Proved, Missing: r.Missing, Lied: r.Lied, Late: r.Late}
}

// read loads a record. One that is absent, or that the disk did not keep, is as
// if it had never been written: audits find out anew.
func read[T any](store kv.Store, key []byte, parse func([]byte) (T, error)) (record T, found bool, err error) {
	err = store.View(func(r kv.Reader) error {
		return r.Get(key, func(b []byte) (err error) { record, err = parse(b); return err })
	})
	switch {
	case err == nil:
		return record, true, nil
	case errors.Is(err, kv.ErrNotFound), errors.Is(err, kv.ErrDamaged), errors.Is(err, wire.ErrEncoding):
		var none T
		return none, false, nil
	}
	return record, false, err
}

func write[T any](store kv.Store, key []byte, record T) error {
	return store.Update(func(w kv.Writer) error { return w.Set(key, wire.Marshal(record)) })
}
