package keeper

import (
	"fmt"
	"math"
	"time"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/custody"
)

// measuredSavedEvery is how often what was measured of all peers is written
// down.
const measuredSavedEvery = time.Hour

var measuredKey = []byte{keyPrefix, classMeasured}

// measuredRecord is what was measured of all holders together.
type measuredRecord struct {
	_        struct{} `cbor:",toarray"`
	Format   uint64
	Seconds  uint64
	Peers    uint64
	Answered uint64
	Lost     uint64
}

func parseMeasuredRecord(b []byte) (r measuredRecord, err error) {
	if err := wire.Unmarshal(b, &r, peerRecordBytesMax); err != nil {
		return r, err
	}
	if r.Format != recordFormat || r.Answered > r.Peers {
		return r, fmt.Errorf("%w: record of what was measured, format %d", wire.ErrEncoding, r.Format)
	}
	return r, nil
}

// recall reads what was measured before this start.
func (k *Keeper) recall() {
	r, found, err := read(k.Store, measuredKey, parseMeasuredRecord)
	if err != nil {
		k.Log.Warn("custody: reading what was measured", "error", err)
	}
	if !found {
		return
	}
	k.measured.Store(&custody.Measured{
		Seconds: float64(r.Seconds), Peers: float64(r.Peers), Answered: float64(r.Answered), Lost: r.Lost,
	})
	k.mu.Lock()
	defer k.mu.Unlock()
	k.noted = float64(r.Seconds)
}

func (k *Keeper) saveMeasured() {
	k.mu.Lock()
	m := k.Measured()
	k.noted = m.Seconds
	k.mu.Unlock()
	err := write(k.Store, measuredKey, measuredRecord{
		Format: recordFormat, Seconds: uint64(m.Seconds), Peers: uint64(math.Ceil(m.Peers)), Answered: uint64(m.Answered), Lost: m.Lost,
	})
	if err != nil {
		k.Log.Warn("custody: writing down what was measured", "error", err)
	}
}

// Measured returns what was seen of the holders in custody here, over restarts.
func (k *Keeper) Measured() custody.Measured { return *k.measured.Load() }
