package dht

import (
	"context"

	"github.com/atollnet/atoll/dht/beehive"
	"github.com/atollnet/atoll/internal/wire"
)

// LevelNearest is the level of a record that only the nearest peers hold: each
// shares all digits with itself.
const LevelNearest = beehive.Digits

// Standing is how a record is kept.
type Standing struct {
	// Holders are the other peers among the nearest that have it now, as new as
	// this one or newer.
	Holders int
	// PerHour is how often all peers together look it up, and Level how many
	// digits of their places the peers share with it on which copies lie: 0 is
	// every peer. Both are what the nearest peer says; Known reports that it did.
	PerHour float64
	Level   int
	Known   bool
}

// Standing looks how a record of which this peer has the given value is kept. It
// asks all of the nearest peers.
func (d *DHT) Standing(ctx context.Context, kind wire.RecordKind, id wire.RecordID, value []byte) (s Standing, err error) {
	if d.config.Records == nil {
		return s, errNoRule
	}
	ctx, cancel := d.bound(ctx)
	defer cancel()
	p := newPoll(d, recordKey(kind, id), recordJudge{rule: d.config.Records})
	p.offer(value)
	_, err = d.walk(ctx, p.key, everyone, p.ask, nil)
	s.Holders, s.Level = p.holders(), LevelNearest
	copied, known := d.replicas.Standing(ctx, p.key)
	if known {
		s.PerHour, s.Known = copied.PerHour, true
		if copied.Level != beehive.AtHome {
			s.Level = int(copied.Level)
		}
	}
	if s.Holders > 0 || known {
		err = nil
	}
	return s, err
}

// holders returns how many peers have answered with the best record.
func (h *poll) holders() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, hasBest := range h.with {
		if hasBest {
			n++
		}
	}
	return n
}
