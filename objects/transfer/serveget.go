package transfer

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/atollnet/atoll/internal/wire"
	"github.com/atollnet/atoll/objects/extent"
)

// ServeGet answers requests, one after another, until the peer ends the stream
// or falls silent; it ends the stream.
func (v *Server) ServeGet(ctx context.Context, remote wire.PeerID, s Stream) error {
	return v.serve(ctx, s, func(p *paced) error {
		if !v.getStreams.take(remote, 1) {
			refusal := refuse(RefusedBusy, "too many get streams at once")
			return errors.Join(refusal, answer(p, &getReply{Refusal: refusal}))
		}
		defer v.getStreams.give(remote, 1)
		for {
			if err := v.serveRequest(p); err != nil {
				return ended(err)
			}
		}
	})
}

// ended makes the end of a stream between two requests no error.
func ended(err error) error {
	if err == io.EOF {
		return nil
	}
	return err
}

// serveRequest answers one request.
func (v *Server) serveRequest(p *paced) error {
	p.stall, p.by = v.IdleTimeout, time.Time{}
	var q getRequest
	if err := receive(p, &q, getRequestBytesMax); err != nil {
		if refusal := refusalOfInput(err); refusal != nil {
			return errors.Join(refusal, answer(p, &getReply{Refusal: refusal}))
		}
		return err
	}
	p.stall = v.ProgressTimeout
	p.allow(int(q.Length), v.BytesPerSecondMin, v.ProgressTimeout)
	if q.What == getManifest {
		return answer(p, v.manifest(q.Extent))
	}
	return v.sendSlice(p, &q)
}

// manifest returns the reply to a request for a manifest.
func (v *Server) manifest(id wire.ExtentID) *getReply {
	m, err := v.Store.Manifest(id)
	if err != nil {
		return &getReply{Refusal: refusalOf(err)}
	}
	held, err := v.Store.Indexes(id)
	if err != nil {
		return &getReply{Refusal: refusalOf(err)}
	}
	reply := &getReply{Manifest: m.Encode(), Shares: make([]byte, len(held))}
	for i, index := range held {
		reply.Shares[i] = byte(index)
	}
	return reply
}

// sendSlice answers a request for a range. The store is not asked for more
// than it has, and says whether it can before the reply begins.
func (v *Server) sendSlice(p *paced, q *getRequest) error {
	w := &announcing{w: p}
	err := v.Store.Slice(w, q.Extent, int(q.Share), int(q.Offset), int(q.Length))
	switch {
	case err == nil && w.begun:
		return nil
	case w.begun: // what was announced cannot be taken back
		return err
	case err == nil || errors.Is(err, extent.ErrInput):
		return answer(p, &getReply{Refusal: refuse(RefusedMalformed, "range outside the share")})
	}
	return answer(p, &getReply{Refusal: refusalOf(err)})
}

// announcing writes the reply before the first byte of a slice.
type announcing struct {
	w     io.Writer
	begun bool
}

func (a *announcing) Write(b []byte) (int, error) {
	if !a.begun {
		a.begun = true
		if err := answer(a.w, &getReply{}); err != nil {
			return 0, err
		}
	}
	return a.w.Write(b)
}
