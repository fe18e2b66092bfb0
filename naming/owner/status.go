package owner

import (
	"slices"
	"strings"
	"time"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming"
)

// Status is how one published name is.
type Status struct {
	Name       string // in full
	ID         wire.RecordID
	Serial     uint64
	Expiration uint32
	Confirmed  int       // other peers that had it when it was last put, or looked for
	Put        time.Time // when it was put; zero: not since the start
	Seen       time.Time // when another peer was last seen to have it; zero: not since the start
}

// Status returns the published names of a zone, by name.
func (o *Owner) Status(label string) (all []Status) {
	z, err := o.Zone(label)
	if err != nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range z.copies() {
		for id, m := range o.marks[naming.DigestOf(c.Origin, c.Key)] {
			name, err := naming.Unpack(m.Owner)
			if m.Kind != wire.RecordName || m.Gone || err != nil {
				continue
			}
			t := o.told[id]
			all = append(all, Status{Name: name, ID: id, Serial: m.Serial, Expiration: m.Expiration, Confirmed: t.confirmed, Put: t.at, Seen: t.seen})
		}
	}
	slices.SortFunc(all, func(a, b Status) int { return strings.Compare(a.Name, b.Name) })
	return all
}
