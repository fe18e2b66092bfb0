package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/atollnet/atoll/internal/errs"
	"github.com/atollnet/atoll/internal/frame"
	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// slices are buffers for slices, which are checked and copied out of them.
var slicePool = sync.Pool{New: func() any { return new([]byte) }}

// exchange sends a request and reads its reply, and after it a body that fills
// body. A stream that was kept open may have been closed by the peer since; it
// is replaced once by a new one.
func (f *Fetcher) exchange(ctx context.Context, peer wire.PeerID, q *getRequest, body []byte) (*getReply, error) {
	for fresh := false; ; fresh = true {
		l, err := f.pool.get(ctx, peer, fresh)
		if err != nil {
			return nil, err
		}
		began := time.Now()
		reply, stale, err := f.converse(ctx, l, q, body)
		switch {
		case err == nil:
			l.keep()
			f.peers.answered(peer, len(body)+len(reply.Manifest), time.Since(began))
			return reply, nil
		case stale && l.reused && ctx.Err() == nil:
			l.drop()
			continue
		}
		f.giveUp(l, err)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
}

// giveUp gives back a stream on which something went wrong: after a refusal it
// is as good as ever, but for one that ends the stream.
func (f *Fetcher) giveUp(l *lease, err error) {
	var refusal *Refusal
	if errors.As(err, &refusal) && refusal.Kind != RefusedBusy && refusal.Kind != RefusedMalformed {
		l.keep()
		return
	}
	l.drop()
}

// converse is one exchange on one stream. It is stale if the stream broke
// before anything came.
func (f *Fetcher) converse(ctx context.Context, l *lease, q *getRequest, body []byte) (reply *getReply, stale bool, err error) {
	stop := context.AfterFunc(ctx, func() { l.stream.Reset() })
	defer func() {
		if !stop() && err == nil { // it was reset after all
			err = context.Cause(ctx)
		}
	}()
	l.stream.stall = f.cfg.StallTimeout
	l.stream.allow(len(body), f.cfg.BytesPerSecondMin, f.cfg.StallTimeout)
	if err := frame.WriteMessage(l.stream, q); err != nil {
		return nil, true, err
	}
	n, err := frame.ReadHeader(l.stream, getReplyBytesMax)
	if err != nil {
		return nil, true, err
	}
	reply = new(getReply)
	if err := readReply(l.stream, reply, n); err != nil {
		return nil, false, err
	}
	if reply.Refusal != nil {
		return nil, false, reply.Refusal
	}
	_, err = io.ReadFull(l.stream, body)
	return reply, false, err
}

// readReply reads a reply of n bytes.
func readReply(r io.Reader, reply *getReply, n int) error {
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return err
	}
	return parse(b, reply, getReplyBytesMax)
}

// askManifest asks a peer for the manifest of an extent, checked against its
// id, and for the indexes of the shares that it says it holds.
func (f *Fetcher) askManifest(ctx context.Context, peer wire.PeerID, id wire.ExtentID) (*extent.Manifest, []byte, error) {
	reply, err := f.exchange(ctx, peer, &getRequest{What: getManifest, Extent: id}, nil)
	if err != nil {
		return nil, nil, f.blame(ctx, peer, err)
	}
	if extent.IDOf(reply.Manifest) != id {
		return nil, nil, f.blame(ctx, peer, fmt.Errorf("%w: another manifest", ErrLied))
	}
	m, err := extent.ParseManifest(reply.Manifest)
	if err != nil { // whoever made the id made it of this
		return nil, nil, errs.New("read extent", id.String(), errs.Damaged, err)
	}
	return m, reply.Shares, nil
}

// askRange asks a holder for a range of its share and returns it, proved.
func (f *Fetcher) askRange(ctx context.Context, id wire.ExtentID, m *extent.Manifest, h Holding, offset, length int) ([]byte, error) {
	buf := slicePool.Get().(*[]byte)
	defer slicePool.Put(buf)
	n := extent.SliceBytes(m.ShareBytes(), offset, length)
	if cap(*buf) < n {
		*buf = make([]byte, n)
	}
	slice := (*buf)[:n]
	q := getRequest{What: getRange, Extent: id, Share: uint8(h.Share), Offset: uint32(offset), Length: uint32(length)}
	reply, err := f.exchange(ctx, h.Peer, &q, slice)
	if err == nil && len(reply.Manifest)+len(reply.Shares) > 0 {
		err = fmt.Errorf("%w: a range that brings a manifest", ErrProtocol)
	}
	if err != nil {
		return nil, f.blame(ctx, h.Peer, err)
	}
	data, err := extent.ReadSlice(slice, m.ShareBytes(), offset, length, m.Shares[h.Share])
	if err != nil {
		return nil, f.blame(ctx, h.Peer, fmt.Errorf("%w: %w", ErrLied, err))
	}
	return data, nil
}

// fetch is askRange for a part.
func (f *Fetcher) fetch(ctx context.Context, id wire.ExtentID, m *extent.Manifest, h Holding, p part) ([]byte, error) {
	return f.askRange(ctx, id, m, h, p.offset, p.length)
}

// blame remembers a failure, unless it is not the peer's, and returns it.
func (f *Fetcher) blame(ctx context.Context, peer wire.PeerID, err error) error {
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, ErrLied), errors.Is(err, ErrProtocol), errors.Is(err, frame.ErrTooLarge):
		f.peers.lied(peer)
	default:
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Kind == RefusedBusy {
			f.peers.failed(peer)
		}
	}
	return err
}
