package objects

import (
	"context"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/plan"
	"github.com/atollnet/atoll/objects/transfer"
)

// smallExtentBytes is the largest extent for which the planner may choose a
// smaller code. Blocks are held back up to it, since the code must be chosen
// before the first share is sent.
const smallExtentBytes = 32 << 10

// extentWriter writes sealed blocks as one extent on peers that it chooses.
// It is used by one goroutine.
type extentWriter struct {
	g      *Gateway
	object wire.ObjectID
	nines  float64  // of durability that are wanted; 0: as everywhere
	held   [][]byte // before the code is chosen
	bytes  int64
	upload *transfer.Upload
}

func (g *Gateway) newExtent(object wire.ObjectID, nines float64) *extentWriter {
	return &extentWriter{g: g, object: object, nines: nines}
}

// add appends a block, which must not be changed afterwards.
func (w *extentWriter) add(ctx context.Context, sealed []byte) error {
	w.bytes += int64(len(sealed))
	if w.upload == nil && w.bytes <= smallExtentBytes {
		w.held = append(w.held, sealed)
		return nil
	}
	if err := w.open(ctx); err != nil {
		return err
	}
	_, err := w.upload.Add(sealed)
	return err
}

// full reports whether the next block belongs in another extent.
func (w *extentWriter) full() bool {
	if w.upload != nil {
		return w.upload.Full()
	}
	return len(w.held) == wire.ExtentStripesMax
}

// close returns when the extent is stored.
func (w *extentWriter) close(ctx context.Context) (transfer.Stored, error) {
	if err := w.open(ctx); err != nil {
		return transfer.Stored{}, err
	}
	stored, err := w.upload.Close(ctx)
	return stored, errs.Wrap("store extent", "", err)
}

func (w *extentWriter) abort() {
	if w.upload != nil {
		w.upload.Abort()
	}
}

// open chooses the code and the holders and sends what was held back.
func (w *extentWriter) open(ctx context.Context) (err error) {
	if w.upload != nil {
		return nil
	}
	if w.upload, err = w.g.startUpload(ctx, w.object, w.bytes, w.nines); err != nil {
		return err
	}
	for _, b := range w.held {
		if _, err := w.upload.Add(b); err != nil {
			return err
		}
	}
	w.held = nil
	return nil
}

// startUpload opens streams to the holders of an extent of at least so many
// bytes.
func (g *Gateway) startUpload(ctx context.Context, object wire.ObjectID, bytes int64, nines float64) (*transfer.Upload, error) {
	all := g.Peers.Candidates()
	k, n := plan.ForExtent(g.redundancy(nines), bytes)
	var seed [32]byte
	if _, err := g.Random.Read(seed[:]); err != nil {
		return nil, errs.Wrap("choose holders", "", err)
	}
	h, err := chooseHolders(k, n, bytes, g.askable(n, g.failures.without(all)), seed, g.failures)
	if err != nil {
		h, err = chooseHolders(k, n, bytes, g.askable(n, all), seed, g.failures)
	}
	if err != nil {
		return nil, err
	}
	return transfer.NewUpload(ctx, g.Network, transfer.UploadConfig{
		Object: object, Author: g.Author, K: k, N: n, Holders: h.shares,
		Enough: h.enough(), Spare: h.spare, Failed: h.hasFailed,
		LeaseSeconds: g.LeaseSeconds, Linger: g.Linger,
	})
}

// askable leaves this peer out where the others are enough.
func (g *Gateway) askable(n int, all []plan.Candidate) []plan.Candidate {
	if others := without(all, g.Self); len(others) >= n {
		return others
	}
	return all
}

func without(all []plan.Candidate, self wire.PeerID) []plan.Candidate {
	others := make([]plan.Candidate, 0, len(all))
	for _, c := range all {
		if c.Peer != self {
			others = append(others, c)
		}
	}
	return others
}

// Upload stores blocks as one extent; it serves the archive.
func (g *Gateway) Upload(ctx context.Context, object wire.ObjectID, blocks [][]byte) (transfer.Source, error) {
	w := g.newExtent(object, 0)
	defer w.abort()
	for _, b := range blocks {
		if err := w.add(ctx, b); err != nil {
			return transfer.Source{}, err
		}
	}
	stored, err := w.close(ctx)
	if err != nil {
		return transfer.Source{}, err
	}
	return sourceOf(stored), nil
}

// sourceOf tells where a stored extent can be read.
func sourceOf(s transfer.Stored) transfer.Source {
	source := transfer.Source{Extent: s.Manifest.ID()}
	for _, r := range s.Receipts {
		source.Holders = append(source.Holders, transfer.Holding{Peer: r.Holder, Share: int(r.Share)})
	}
	return source
}
