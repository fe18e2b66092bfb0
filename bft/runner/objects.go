package runner

import (
	"bytes"

	"github.com/atollnet/atoll/internal/kv"
	"github.com/atollnet/atoll/internal/wire"
)

// ObjectsAfter returns at most max objects, in order, of whose rings this peer
// is a member, beginning after one; the zero object begins at the first. Those
// with a record of the first format come up once that is replaced.
func (h *Host) ObjectsAfter(after wire.ObjectID, max int) (objects []wire.ObjectID, err error) {
	parse := as[memberRecord](memberBytesMax)
	prefix := []byte{'r', keyMember}
	err = h.Store.View(func(r kv.Reader) error {
		return r.Scan(prefix, append(bytes.Clone(prefix), after[:]...), false, func(k, b []byte) (bool, error) {
			object := wire.ObjectID(k[len(prefix):])
			if object == after {
				return true, nil
			}
			m, err := parse(b)
			if err == nil && m.Member {
				objects = append(objects, object)
			}
			return len(objects) < max, err
		})
	})
	return objects, err
}
