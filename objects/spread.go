package objects

import (
	"context"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/transfer"
	"github.com/atollnet/atoll/objects/update"
)

// Thin reports whether an extent lies on at most half as many peers as could
// hold it now: what was written when this peer was alone, or nearly so, would
// be lost with it, however many have come since.
func (g *Gateway) Thin(s transfer.Source) bool {
	able := 0
	for _, c := range g.Peers.Candidates() {
		if c.FreeBytes >= wire.ShareBytesMax {
			able++
		}
	}
	holders := make(map[wire.PeerID]bool)
	shares := make(map[int]bool)
	for _, h := range s.Holders {
		holders[h.Peer], shares[h.Share] = true, true
	}
	return 2*len(holders) <= min(able, len(shares))
}

// thinExtents remembers which extents of a snapshot are thin, while a put
// decides what it must send again. It is used by one goroutine.
type thinExtents struct {
	s     *Snapshot
	known map[wire.ExtentID]bool
}

func (t *thinExtents) has(ctx context.Context, id wire.ExtentID) (bool, error) {
	thin, known := t.known[id]
	if known {
		return thin, nil
	}
	source, err := t.s.source(ctx, id)
	if err != nil {
		return false, err
	}
	if t.known == nil {
		t.known = make(map[wire.ExtentID]bool)
	}
	thin = t.s.g.Thin(source)
	t.known[id] = thin
	return thin, nil
}

// holds reports whether part of a file lies in thin extents.
func (t *thinExtents) holds(ctx context.Context, file *Entry) (bool, error) {
	for w, err := range t.s.refs(ctx, file, 0, file.Size, func(int64) {}) {
		if err != nil {
			return false, err
		}
		if w.ref.IsInline() {
			continue
		}
		if thin, err := t.has(ctx, w.ref.Extent); thin || err != nil {
			return thin, err
		}
	}
	return false, nil
}

// Thin returns a function that tells of each entry whether it is a file that lies
// in part on far fewer peers than could hold it now. It is for one goroutine.
func (s *Snapshot) Thin() func(ctx context.Context, e *Entry) (bool, error) {
	thin := thinExtents{s: s}
	return func(ctx context.Context, e *Entry) (bool, error) {
		if e.Kind != update.KindFile {
			return false, nil
		}
		return thin.holds(ctx, e)
	}
}
