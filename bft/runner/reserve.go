package runner

import (
	"fmt"
	"io"
	"time"

	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// Limits of what is reserved.
const (
	// ReservationsMax is the most ring keys that wait for their ring.
	ReservationsMax = 1024
	// ReservationMin is how long one is kept at least; when there are
	// ReservationsMax, a new one takes the place of the oldest that is older.
	ReservationMin = time.Hour
)

const (
	keyReserved         = 'q' // public key → reservation
	reservationFormat   = 1
	reservationBytesMax = 256
)

// reservation is a ring key that this peer has promised to serve with.
type reservation struct {
	_             struct{} `cbor:",toarray"`
	Format        uint64
	Object        wire.ObjectID // zero: it had no name yet
	Epoch         wire.Epoch
	Seed          [32]byte
	TimeUnixMilli int64
}

func reservationKey(public wire.PublicKey) []byte {
	return append([]byte{'r', keyReserved}, public[:]...)
}

func getReservation(r kv.Reader, public wire.PublicKey) (reservation, bool, error) {
	return get(r, reservationKey(public), as[reservation](reservationBytesMax))
}

func dropReservation(w kv.Writer, public wire.PublicKey) error {
	return w.Delete(reservationKey(public))
}

// Reserve makes a ring key for a peer that is asked to join the ring of an
// epoch, stores it, and returns its public half. Asked again for the same it
// returns the same key, but for the zero object, which stands for one that has
// no name yet. The key is used up by Create, Join, or the commit that makes the
// ring. Errors: ErrBusy if ReservationsMax of less than ReservationMin wait; the
// store's.
func (h *Host) Reserve(object wire.ObjectID, epoch wire.Epoch) (public wire.PublicKey, err error) {
	now := h.Clock().UnixMilli()
	err = h.Store.Update(func(w kv.Writer) error {
		all, err := reservations(w)
		if err != nil {
			return err
		}
		oldest := -1
		for i, r := range all {
			if !object.IsZero() && r.Object == object && r.Epoch == epoch {
				public = wire.NewKey(r.Seed).Public()
				return nil
			}
			if oldest < 0 || r.TimeUnixMilli < all[oldest].TimeUnixMilli {
				oldest = i
			}
		}
		if len(all) >= ReservationsMax {
			if now-all[oldest].TimeUnixMilli < ReservationMin.Milliseconds() {
				return fmt.Errorf("%w: %d rings have not begun yet", ErrBusy, len(all))
			}
			if err := dropReservation(w, wire.NewKey(all[oldest].Seed).Public()); err != nil {
				return err
			}
		}
		r := reservation{Format: reservationFormat, Object: object, Epoch: epoch, TimeUnixMilli: now}
		if _, err := io.ReadFull(h.Random, r.Seed[:]); err != nil {
			return fmt.Errorf("ring key: %w", err)
		}
		public = wire.NewKey(r.Seed).Public()
		return w.Set(reservationKey(public), wire.Marshal(r))
	})
	if err != nil {
		return wire.PublicKey{}, err
	}
	return public, h.Store.Sync()
}

// Release gives a reserved key up.
func (h *Host) Release(public wire.PublicKey) error {
	return h.Store.Update(func(w kv.Writer) error { return dropReservation(w, public) })
}

func reservations(r kv.Reader) (all []reservation, err error) {
	prefix := []byte{'r', keyReserved}
	parse := as[reservation](reservationBytesMax)
	err = r.Scan(prefix, prefix, false, func(_, b []byte) (bool, error) {
		one, err := parse(b)
		all = append(all, one)
		return true, err
	})
	return all, err
}
