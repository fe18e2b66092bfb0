package node

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/atollnet/atoll/dht"
	"github.com/atollnet/atoll/internal/api"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/naming/owner"
)

const (
	// lookedAtMax is of how many names other peers are asked for one status, and
	// lookedAtOnce of how many at a time; of further names what was last known is
	// shown.
	lookedAtMax  = 256
	lookedAtOnce = 8
	// lookMax bounds the questions about one name.
	lookMax = 10 * time.Second
)

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
	before := b.names.owner.Status(label)
	standings := b.standings(ctx, before)
	out := api.NameStatus{Zone: exportZone(z)}
	for i, s := range b.names.owner.Status(label) {
		line := api.NameStatusLine{
			Name: bare(s.Name), Stored: s.Confirmed, Serial: s.Serial, Level: dht.LevelNearest,
			Expires: time.Unix(int64(s.Expiration), 0).UTC(), Put: timeOf(s.Put), Seen: timeOf(s.Seen),
		}
		if i < len(standings) && before[i].ID == s.ID {
			line.Popularity, line.Level = standings[i].PerHour, standings[i].Level
		}
		out.Names = append(out.Names, line)
	}
	return out, ctx.Err()
}

// standings asks other peers how the first of the names are kept, and notes which
// were seen there.
func (b backend) standings(ctx context.Context, names []owner.Status) []dht.Standing {
	standings := make([]dht.Standing, min(len(names), lookedAtMax))
	var looks errgroup.Group
	looks.SetLimit(lookedAtOnce)
	for i := range standings {
		looks.Go(func() error {
			standings[i] = b.standing(ctx, names[i])
			return nil
		})
	}
	_ = looks.Wait() // a name of which nothing is heard shows what was last known
	return standings
}

func (b backend) standing(ctx context.Context, name owner.Status) dht.Standing {
	ctx, cancel := context.WithTimeout(ctx, lookMax)
	defer cancel()
	value, found := b.names.owner.Lookup(wire.RecordName, name.ID)
	if !found {
		return dht.Standing{Level: dht.LevelNearest}
	}
	s, err := b.dht.Standing(ctx, wire.RecordName, name.ID, value)
	if err != nil {
		b.log.Debug("nothing is heard of a name", "name", name.Name, "error", err)
		return dht.Standing{Level: dht.LevelNearest}
	}
	b.names.owner.Seen(name.ID, s.Holders)
	return s
}

// timeOf returns a time as the API has it: null for none.
func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
