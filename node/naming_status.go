package node

import (
	"context"
	"time"

	"github.com/atollnet/atoll/internal/api"
)

// levelNearest is the level of a record that only the nearest peers hold.
const levelNearest = 64

// NameStatus implements api.Names.
func (b backend) NameStatus(ctx context.Context, r api.NameListRequest) (api.NameStatus, error) {
	label, _, err := b.names.owner.Find(r.Zone)
	if err != nil {
		return api.NameStatus{}, err
	}
	z, err := b.names.owner.Zone(label)
	if err != nil {
		return api.NameStatus{}, err
	}
	out := api.NameStatus{Zone: exportZone(z)}
	for _, s := range b.names.owner.Status(label) {
		line := api.NameStatusLine{Name: bare(s.Name), Stored: s.Confirmed, Serial: s.Serial, Expires: time.Unix(int64(s.Expiration), 0).UTC(), Level: levelNearest}
		if !s.Put.IsZero() {
			put := s.Put.UTC()
			line.Put = &put
		}
		out.Names = append(out.Names, line)
	}
	return out, ctx.Err()
}
