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
	files int  // that were looked at
	none  bool // all extents are known, and none is thin
}

// thinScanAfter is how many files are looked at one by one before all extents of
// the volume are: most often none is thin, and then no file need be looked at.
const thinScanAfter = 256

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

// scan looks at all extents.
func (t *thinExtents) scan(ctx context.Context) error {
	thin := 0
	lo, hi := update.ExtentsRange()
	for e, err := range t.s.state.Scan(ctx, lo, hi) {
		if err != nil {
			return err
		}
		id, err := update.ParseExtentKey(e.Key)
		if err != nil {
			continue // a part of its receipts
		}
		is, err := t.has(ctx, id)
		if err != nil {
			return err
		}
		if is {
			thin++
		}
	}
	t.none = thin == 0
	return nil
}

// holds reports whether part of a file lies in thin extents.
func (t *thinExtents) holds(ctx context.Context, file *Entry) (bool, error) {
	if file.Size <= wire.InlineBytesMax {
		return false, nil // it stands in the state itself
	}
	if t.files++; t.files == thinScanAfter {
		if err := t.scan(ctx); err != nil {
			return false, err
		}
	}
	if t.none {
		return false, nil
	}
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
