package runner

import (
	"bytes"

	"github.com/atollnet/atoll/bft"
	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// RingsAfter returns at most max rings, in the order of their objects, of which
// this peer is a member, beginning after an object; the zero object begins at
// the first. Those with a record of the first format come up once that is
// replaced.
func (h *Host) RingsAfter(after wire.ObjectID, max int) (rings []bft.RingCert, err error) {
	parse := as[memberRecord](memberBytesMax)
	prefix := []byte{'r', keyMember}
	err = h.Store.View(func(r kv.Reader) error {
		return r.Scan(prefix, append(bytes.Clone(prefix), after[:]...), false, func(k, b []byte) (bool, error) {
			object := wire.ObjectID(k[len(prefix):])
			if object == after {
				return true, nil
			}
			m, err := parse(b)
			if err != nil || !m.Member {
				return true, err
			}
			stands, _, err := getStanding(r, object)
			rings = append(rings, stands.ring)
			return len(rings) < max, err
		})
	})
	return rings, err
}
